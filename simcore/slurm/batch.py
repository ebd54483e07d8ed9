"""What batch scripts are made from, and what of it Slurm would not take, or not do as it is meant."""

import re
from dataclasses import dataclass
from pathlib import Path

from simcore.errors import UsageError

WARNING = 120  # seconds between SIGUSR1 and the time limit
EARLY = 60  # seconds by which Slurm may send it earlier
_LEAST_TIME = 300
_MOST_TASKS = 1000  # MaxArraySize is 1001 where nobody has changed it, and counts from 0
_TIMES = {  # forms of a time limit -> seconds of each of its numbers
    r"(\d+)": (60,),
    r"(\d+):(\d+)": (60, 1),
    r"(\d+):(\d+):(\d+)": (3600, 60, 1),
    r"(\d+)-(\d+)": (86400, 3600),
    r"(\d+)-(\d+):(\d+)": (86400, 3600, 60),
    r"(\d+)-(\d+):(\d+):(\d+)": (86400, 3600, 60, 1),
}
_INSTEAD = {  # options of sbatch that the scripts have already -> those of simcore slurm; None for what it sets itself
    "array": "--tasks and --array-limit",
    "cpus-per-task": "--cpus",
    "time": "--time",
    **dict.fromkeys(("mem", "mem-per-cpu", "mem-per-gpu"), "--memory"),
    "partition": "--partition",
    "account": "--account",
    **dict.fromkeys(("job-name", "nodes", "ntasks", "output", "open-mode", "chdir", "requeue", "no-requeue", "signal")),
    **dict.fromkeys(("dependency", "kill-on-invalid-dep", "parsable", "wrap", "test-only")),
}


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


def check(batch, most_tasks=None):
    """Raise UsageError, a line for each mistake, where Slurm would not take the scripts or not do what they mean.

    most_tasks: of an array on the cluster; None where that is not known, for what Slurm allows by itself.
    """
    mistakes = list(_mistakes(batch, most_tasks))
    if mistakes:
        raise UsageError("\n".join(mistakes))


def _mistakes(batch, most_tasks):
    whose = "this cluster" if most_tasks else "Slurm's default; --submit asks the cluster"
    most = most_tasks or _MOST_TASKS
    if batch.tasks > most:
        yield f"--tasks: an array has at most {most} tasks ({whose}; got {batch.tasks}), let each of so many do more"
    seconds = seconds_of(batch.time)
    if seconds is None:
        yield f'--time: must be a time as sbatch takes it (got {batch.time!r}), such as "30", "2:00:00" or "1-12:00:00"'
    elif seconds < _LEAST_TIME:
        yield (
            f"--time: must be at least {_LEAST_TIME // 60} minutes (got {batch.time!r}); a task is told to stop up to "
            f"{(WARNING + EARLY) // 60} minutes before its end"
        )
    if batch.memory is not None and not re.fullmatch(r"[1-9]\d*[KMGT]?", batch.memory):
        yield f'--memory: must be a size as sbatch takes it (got {batch.memory!r}), such as "4G" or "500M"'
    for name in ("partition", "account"):
        value = getattr(batch, name)
        if value is not None and not re.fullmatch(r"[\w.,@+-]+", value):
            yield f"--{name}: must be a name (got {value!r}) of letters, digits and . , @ + - _"
    if "%" in str(batch.run):
        yield f"--out: Slurm puts numbers in place of % in the names of logs (got {batch.run}), choose another folder"
    yield from filter(None, map(_mistake_of, batch.sbatch))


def _mistake_of(option):
    """What is wrong with an option of sbatch, which may be shortened; None where nothing is."""
    found = re.fullmatch(r"--([a-z][\w-]*)(=[\x20-\x7e]*)?", option, re.ASCII)
    if not found or re.search(r" --[a-z]", option):
        return f'--sbatch: must be one long option of sbatch (got {option!r}), such as "--qos=long"'
    ours = [own for own in _INSTEAD if own.startswith(found[1])]
    if not ours:
        return None
    instead = _INSTEAD[ours[0]]
    return f"--sbatch: {f'give {instead} instead' if instead else 'simcore sets that itself'} (got {option!r})"


def seconds_of(time):
    """Seconds of a time limit; None for what is none."""
    for form, units in _TIMES.items():
        if found := re.fullmatch(form, time, re.ASCII):
            return sum(int(number) * unit for number, unit in zip(found.groups(), units, strict=True))
    return None
