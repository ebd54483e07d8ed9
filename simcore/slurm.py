"""Batch scripts for Slurm: an array whose tasks compute the shards of a study, and a merge for when all have succeeded.

`scripts` is a pure function of a `Batch`; `write` puts them into the run directory; `submit` alone speaks to Slurm.
"""

import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from simcore import design, files, footprint
from simcore.errors import SimcoreError, UsageError

_MOST_TASKS = 1000  # MaxArraySize is 1001 where nobody has changed it, and counts from 0
WARNING = 120  # seconds between SIGUSR1 and the time limit
_EARLY = 60  # seconds by which Slurm may send it earlier
_LEAST_TIME = 300
_UNIT = 5e-9  # seconds that a unit of work takes a CPU, see `design.Cut`; simple estimators take a fifth of it
_MARGIN = 1.5  # of memory, over what is estimated
_TIMES = {  # forms of a time limit -> seconds of each of its numbers
    r"(\d+)": (60,),
    r"(\d+):(\d+)": (60, 1),
    r"(\d+):(\d+):(\d+)": (3600, 60, 1),
    r"(\d+)-(\d+)": (86400, 3600),
    r"(\d+)-(\d+):(\d+)": (86400, 3600, 60),
    r"(\d+)-(\d+):(\d+):(\d+)": (86400, 3600, 60, 1),
}

_ARRAY = """
# One thread for each CPU of the task. Compiled kernels are kept on the node, unless SIMCORE_CACHE_DIR names another
# place, such as one that all nodes share and that an earlier run has filled.
export NUMBA_NUM_THREADS="$SLURM_CPUS_PER_TASK"
export SIMCORE_CACHE_DIR="${SIMCORE_CACHE_DIR:-/tmp/simcore-cache-$UID}"

# SIGUSR1 comes before the time is up: simcore stores what is finished and exits with 75, and this task queues again for
# the rest. SIGTERM says that the task is cancelled or preempted: then Slurm decides what comes next. simcore runs in
# the background, because bash hears signals only between commands and while it waits.
cancelled=
trap 'kill -USR1 "$child" 2>/dev/null' USR1
trap 'cancelled=yes; kill -TERM "$child" 2>/dev/null' TERM

stored() { find "$run/blocks" -type f 2>/dev/null | wc -l; } # files of results, by whichever task
before=$(stored)
echo "shard $SLURM_ARRAY_TASK_ID of $shards on $SLURMD_NODENAME, start ${SLURM_RESTART_COUNT:-0}"
"${simcore[@]}" "${arguments[@]}" --shard "$SLURM_ARRAY_TASK_ID/$shards" --threads "$SLURM_CPUS_PER_TASK" &
child=$!
while kill -0 "$child" 2>/dev/null; do wait "$child"; done # a signal ends the wait, not simcore
wait "$child"
status=$?

# 138: the signal came before simcore could hear it. The task is not called by $SLURM_JOB_ID, because for one of them
# that is the number of the whole array.
if [[ -z $cancelled && ($status == 75 || $status == 138) ]]; then
    # The first start may be lost to compiling. If nothing comes of a later one, nothing would come of any.
    if [[ ${SLURM_RESTART_COUNT:-0} -gt 0 && $(stored) == "$before" ]]; then
        echo "nothing was stored in $SECONDS s of start $SLURM_RESTART_COUNT: the time is too short for one block"
        echo "raise --time in $run/slurm/array.sbatch, and submit again"
        exit 1
    fi
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
"""


@dataclass(frozen=True)
class Batch:
    """What the scripts of a study are made from.

    study: its name. command: the words that start simcore. folder: where it runs. out: the folder of run directories.
    All paths are absolute. tasks: of the array, each one shard. cpus: of each task. time, memory, partition, account,
    array_limit (tasks that run at a time), sbatch (more options): as sbatch takes them, None for what Slurm does by
    itself. replications, seed: in place of the scenario's. plugins: words that name the user's own.
    """

    study: str
    command: tuple
    folder: Path
    out: Path
    tasks: int
    cpus: int
    time: str = "1:00:00"
    memory: str | None = None
    partition: str | None = None
    account: str | None = None
    array_limit: int | None = None
    sbatch: tuple = ()
    replications: int | None = None
    seed: int | None = None
    plugins: tuple = ()

    @property
    def run(self):
        """The run directory."""
        return self.out / self.study


def scripts(batch):
    """Name -> text of the scripts: array.sbatch, merge.sbatch, and submit.sh, which submits both."""
    return {"array.sbatch": _array(batch), "merge.sbatch": _merge(batch), "submit.sh": _submit(batch)}


def check(batch, most_tasks=None):
    """Raise UsageError, a line for each mistake, where Slurm would not take the scripts or not do what they mean.

    most_tasks: of an array on the cluster; None where that is not known, for what Slurm allows by itself.
    """
    mistakes = list(_mistakes(batch, most_tasks))
    if mistakes:
        raise UsageError("\n".join(mistakes))


def too_short(batch, study):
    """What to say where the time limit may end before a block is done, again and again; None where it will not."""
    longest = max(cell.cut.work * min(cell.cut.block, study.replications) for cell in design.cells(study))
    seconds = longest * _UNIT / batch.cpus
    if seconds <= _seconds(batch.time) - WARNING - _EARLY:
        return None
    return (
        f"--time: a block may take {seconds / 60:.0f} minutes on {batch.cpus} CPUs, and a task that is told to stop "
        "before it has stored one does not get on; ask for more time, or for more --cpus"
    )


def write(batch, study):
    """Make the run directory of a study if it is not there, and the scripts in its folder `slurm`; their paths.

    Raises as `opening.create`, and UsageError where there is nothing to share out.
    """
    from simcore import opening, shards

    shards.refuse_exact(study, "--tasks")
    run = opening.create(batch.out, study).path
    files.make_folder(run / "slurm" / "logs")
    texts = scripts(batch)
    for name, text in texts.items():
        files.replace(run / "slurm" / name, os.fsencode(text), run / "temporary")
    return [run / "slurm" / name for name in texts]


def tasks_of(run):
    """How many tasks the scripts of a run have, None where there are none."""
    try:
        text = files.read(Path(run) / "slurm" / "array.sbatch").decode(errors="replace")
    except OSError:
        return None
    found = re.search(r"^shards=(\d{1,9})$", text, re.MULTILINE)
    return int(found[1]) if found else None


def submit(script):
    """Run submit.sh: {"array": its job number, "merge": its job number}. Raises SimcoreError where Slurm refuses."""
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SimcoreError(f"--submit: Slurm refused the scripts: {(done.stderr + done.stdout).strip()}")
    return {name: int(number) for name, number in map(str.split, done.stdout.splitlines())}


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


def _array(batch):
    limit = "" if batch.array_limit is None else f"%{batch.array_limit}"
    own = ["# Computes a study in shards, one for each task of the array. To submit it: bash submit.sh"]
    own += _options(batch, batch.cpus)
    own += [f"--array=1-{batch.tasks}{limit}", "--output=logs/%A_%a.log", "--open-mode=append"]
    own += [f"# {WARNING} s before the time is up the script is told, and queues again.", "--requeue"]
    own += [f"--signal=B:USR1@{WARNING}"]
    arguments = ["run", batch.run / "scenario.toml", "--out", batch.out]
    for name in ("replications", "seed"):
        arguments += [] if getattr(batch, name) is None else [f"--{name}", getattr(batch, name)]
    arguments += batch.plugins
    named = f"run={_quoted([batch.run])}\narguments=({_quoted(arguments)})\nshards={batch.tasks}\n"
    return _head(batch, own) + named + _ARRAY


def _merge(batch):
    own = ["# Puts the shards of a study together and writes its summary, when all have succeeded."]
    own += [*_options(batch, 1), "--output=logs/%j_merge.log"]
    return _head(batch, own) + f'\nexec "${{simcore[@]}}" merge {_quoted([batch.run, *batch.plugins])}\n'


def _options(batch, cpus):
    named = {"job-name": batch.study, "nodes": 1, "ntasks": 1, "cpus-per-task": cpus, "time": batch.time}
    named |= {"mem": batch.memory, "partition": batch.partition, "account": batch.account}
    return [f"--{name}={value}" for name, value in named.items() if value is not None] + list(batch.sbatch)


def _head(batch, lines):
    directives = [line if line.startswith("#") else f"#SBATCH {line}" for line in lines]
    body = ["#!/bin/bash", *directives, "", "# What simcore needs of this cluster goes here, as in: module load python"]
    return "\n".join([*body, f"cd -- {_quoted([batch.folder])} || exit", f"simcore=({_quoted(batch.command)})", ""])


def _submit(batch):
    limit = "" if batch.array_limit is None else f"%{batch.array_limit}"
    return f"""#!/bin/bash
# Submits the array, and the merge for when all of its tasks have succeeded. Some tasks alone: bash submit.sh 3,17-19
set -euo pipefail
cd -- "$(dirname -- "${{BASH_SOURCE[0]}}")"
if [[ ${{1:-}} == none ]]; then # as simcore status --indices says
    echo "all shards are done, there is nothing to submit"
    exit
fi

array=$(sbatch --parsable ${{1:+"--array=$1{limit}"}} array.sbatch)
array=${{array%%;*}} # the name of the cluster may follow
echo "array $array"
merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes merge.sbatch)
echo "merge ${{merge%%;*}}"
"""


def _quoted(words):
    return shlex.join(map(str, words))


def _mistakes(batch, most_tasks):
    whose = "this cluster" if most_tasks else "Slurm's default; --submit asks the cluster"
    most = most_tasks or _MOST_TASKS
    if batch.tasks > most:
        yield f"--tasks: an array has at most {most} tasks ({whose}; got {batch.tasks}), let each of so many do more"
    seconds = _seconds(batch.time)
    if seconds is None:
        yield f'--time: must be a time as sbatch takes it (got {batch.time!r}), such as "30", "2:00:00" or "1-12:00:00"'
    elif seconds < _LEAST_TIME:
        yield (
            f"--time: must be at least {_LEAST_TIME // 60} minutes (got {batch.time!r}); a task is told to stop up to "
            f"{(WARNING + _EARLY) // 60} minutes before its end"
        )
    if batch.memory is not None and not re.fullmatch(r"[1-9]\d*[KMGT]?", batch.memory):
        yield f'--memory: must be a size as sbatch takes it (got {batch.memory!r}), such as "4G" or "500M"'
    for name in ("partition", "account"):
        value = getattr(batch, name)
        if value is not None and not re.fullmatch(r"[\w.,@+-]+", value):
            yield f"--{name}: must be a name (got {value!r}) of letters, digits and . , @ + - _"
    for option in batch.sbatch:
        if not re.fullmatch(r"--[a-z][\x20-\x7e]*", option):
            yield f'--sbatch: must be one long option of sbatch (got {option!r}), such as "--qos=long"'


def _seconds(time):
    """Seconds of a time limit; None for what is none."""
    for form, units in _TIMES.items():
        if found := re.fullmatch(form, time, re.ASCII):
            return sum(int(number) * unit for number, unit in zip(found.groups(), units, strict=True))
    return None


def _no_slurm(why):
    return UsageError(
        f"--submit: Slurm does not answer ({why}); leave it out, and run bash slurm/submit.sh of the run directory "
        "where it does"
    )
