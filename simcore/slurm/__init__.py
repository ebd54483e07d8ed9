"""Batch scripts for Slurm: an array whose tasks compute the shards of a study, and a merge for when all have succeeded.

`scripts` is a pure function of a `Batch`; `write` puts them into the run directory; `submit` alone speaks to Slurm.
"""

import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from simcore import design, files, footprint
from simcore.errors import SimcoreError, UsageError
from simcore.slurm.batch import EARLY, WARNING, Batch, check, seconds_of
from simcore.slurm.texts import scripts
from simcore.wording import counted

__all__ = ["Batch", "check", "command", "idle", "memory", "most_tasks", "scripts", "submit", "tasks_of"]
__all__ += ["too_short", "write"]

_UNIT = 5e-9  # seconds that a unit of work takes a CPU, see `design.Cut`; simple estimators take a fifth of it
_MARGIN = 1.5  # of memory, over what is estimated


def write(batch, study, file="SCENARIO", extending=False):
    """Make the run directory of a study if it is not there, and the scripts in its folder `slurm`; their paths.

    file: of the scenario, for messages. extending: make it from that of a study that this one only adds to; nothing is
    computed. Raises as `opening.create` and `opening.extend`, and UsageError where there is nothing to share out.
    """
    from simcore import opening, shards
    from simcore.store import there_is_a_run

    shards.refuse_exact(study, "--tasks")
    if not extending:
        opening.create(batch.out, study, file, "--extend")
    elif there_is_a_run(batch.run):
        opening.extend(batch.run, study)
    else:
        raise UsageError(f"--extend: there is no run {batch.run} to extend; leave it out")
    folder = batch.run / "slurm"
    files.make_folder(folder / "logs")
    texts = scripts(batch)
    for name, text in texts.items():
        files.replace(folder / name, os.fsencode(text), batch.run / "temporary")
    readable = (folder / "submit.sh").stat().st_mode & 0o777
    (folder / "submit.sh").chmod(readable | (readable & 0o444) >> 2)
    return [folder / name for name in texts]


def idle(batch, study):
    """What to say where some of the tasks have nothing to do; None where all have."""
    from simcore import shards

    busy = shards.most(study)
    if busy >= batch.tasks:
        return None
    pieces = f"makes {counted(busy, 'piece of work of some seconds', 'pieces of work of some seconds')}"
    if study.precision:
        pieces = f"has {counted(busy, 'cell')}, of which a precision lets no two tasks share one"
    left = f"{batch.tasks - busy} of {batch.tasks} tasks have nothing to do"
    return f"--tasks: the study {pieces}, so {left}; ask for --tasks {busy}"


def too_short(batch, study):
    """What to say where the time limit may end before a block is done, again and again; None where it will not."""
    longest = max(cell.cut.work * min(cell.cut.block, study.replications) for cell in design.cells(study))
    seconds = longest * _UNIT / batch.cpus
    if seconds <= seconds_of(batch.time) - WARNING - EARLY:
        return None
    return (
        f"--time: a block may take {seconds / 60:.0f} minutes on {batch.cpus} CPUs, and a task that is told to stop "
        "before it has stored one does not get on; ask for more time, or for more --cpus"
    )


def tasks_of(run):
    """How many tasks the scripts of a run have, None where there are none."""
    try:
        text = files.read(Path(run) / "slurm" / "array.sbatch").decode(errors="replace")
    except OSError:
        return None
    found = re.search(r"^shards=(\d{1,9})$", text, re.MULTILINE)
    return int(found[1]) if found else None


def submit(script):
    """Run submit.sh: {"array": its job number, "merge": its job number}, empty where all is done. Raises SimcoreError
    where Slurm refuses."""
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SimcoreError(f"--submit: Slurm refused the scripts: {(done.stderr + done.stdout).strip()}")
    return {name: int(job) for name, job in re.findall(r"^(array|merge) (\d+)$", done.stdout, re.MULTILINE)}


def most_tasks():
    """How many tasks an array may have on this cluster. Raises UsageError where there is no Slurm."""
    try:
        done = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _no_slurm(error) from None
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)$", done.stdout, re.MULTILINE)
    if done.returncode or not found or shutil.which("sbatch") is None:
        raise _no_slurm(done.stderr.strip() or "no sbatch")
    return int(found[1]) - 1


def command():
    """The words that start this simcore, whatever the folder and the environment of a job."""
    script = Path(sys.executable).parent / "simcore"
    return (str(script),) if script.is_file() else (sys.executable, "-m", "simcore")


def memory(study, cpus):
    """Memory to ask for, as sbatch takes it: what is estimated, and a margin."""
    return f"{math.ceil(_MARGIN * footprint.of(study, cpus).memory_bytes / 2**30)}G"


def _no_slurm(why):
    return UsageError(
        f"--submit: Slurm does not answer ({why}); leave it out, and run bash slurm/submit.sh of the run directory "
        "where it does"
    )
