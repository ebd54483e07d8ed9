"""Whether this machine is fit: a look at all that a run depends on beside its scenario, and remedies.

Nothing that is written stays. A check is `ok`, a `warning` (a run comes to the same numbers, slower or at a risk that
is told), or `wrong` (a run would fail).
"""

import errno
import math
import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from simcore import __version__, code_cache, footprint, jit, limits
from simcore.errors import UsageError

_LIBRARIES = ("numba", "llvmlite", "numpy", "pandas", "pyarrow", "matplotlib")
_LITTLE_DISK = 100_000_000  # bytes
_PATIENCE = 20  # seconds, with Slurm's controller


@dataclass(frozen=True)
class Check:
    """What was looked at, `ok`, `warning` or `wrong`, what was found, and what mends it, where that is known."""

    name: str
    level: str
    found: str
    remedy: str | None = None

    def facts(self):
        return asdict(self)


def examine(out="results", threads=None):
    """Every Check. out: folder of run directories, there or not. threads: of a run; None for as many as it takes."""
    place = _nearest(out)
    versions = _versions()
    if versions[1] == "wrong":  # what is missing or too old cannot be asked for more
        return [Check(*versions)]
    of_threads = _threads(threads)
    if of_threads[1] == "wrong":  # then Numba does not even start
        return [Check(*versions), Check(*of_threads)]
    parts = (
        *(versions, _kernels(), of_threads, _threading_layer(), _temporary(), _cache()),
        *(_folder(place, out), _disk(place), _memory(), _slurm()),
    )
    return [Check(*part) for part in parts]


def _versions():
    lacking, old, found = [], [], [f"simcore {__version__}", f"Python {platform.python_version()}"]
    least = _least_versions()
    for name in _LIBRARIES:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            lacking.append(name)
            continue
        found.append(f"{name} {version}")
        if _numbers(version) < _numbers(least.get(name, "0")):
            old.append(f"{name} {version} is older than {least[name]}")
    if lacking or old:
        told = [*(f"{name} is not installed" for name in lacking), *old]
        return "versions", "wrong", "; ".join(told), "install simcore with pip, which brings what it needs"
    return "versions", "ok", ", ".join(found)


def _kernels():
    if not jit.enabled():
        return "kernels", "warning", "NUMBA_DISABLE_JIT is set: they run as plain Python, very slowly", "unset it"
    return "kernels", "ok", "compiled"


def _threads(threads):
    """Threads of a run against the CPUs that this process has by affinity, control groups and Slurm."""
    try:
        most = jit.threads_of()
    except UsageError as error:
        return "threads", "wrong", *str(error).split("; ")
    wanted = most if threads is None else threads
    allowed = dict(_cpus())
    source = min(allowed, key=allowed.get)
    told = ", ".join(f"{count} {name}" for name, count in allowed.items())
    if wanted > allowed[source]:
        slow = f"{wanted} threads share {allowed[source]} CPUs and wait for each other (CPUs: {told})"
        return "threads", "warning", slow, f"give --threads {allowed[source]}"
    if threads is not None and threads > most:
        return "threads", "warning", f"{threads} asked for, NUMBA_NUM_THREADS allows {most}", "unset it, or raise it"
    return "threads", "ok", f"{wanted} (CPUs: {told})"


def _threading_layer():
    try:
        layer = jit.threading_layer()
    except UsageError as error:
        return "threading", "wrong", *str(error).split("; ")
    if layer == "workqueue":
        found = "workqueue, which ends a program that calls simcore from two Python threads at once"
        return "threading", "warning", found, "where yours does: pip install tbb"
    return "threading", "ok", layer


def _temporary():
    try:
        return "temporary", "ok", tempfile.gettempdir()
    except OSError:
        found = "no folder for temporary files can be written: every process compiles all kernels anew"
        return "temporary", "warning", found, "set TMPDIR to a folder that can"


def _cache():
    if not jit.enabled():
        return "cache", "ok", "not used"
    try:
        code_cache.base()
    except (OSError, RuntimeError) as error:
        return "cache", "warning", f"none ({error}): every process compiles all kernels anew", "set SIMCORE_CACHE_DIR"
    cache = jit.kernel_cache()
    remedy = "set SIMCORE_CACHE_DIR to a folder of your own"
    try:
        sound, damaged = cache.counted()
        _probe(_nearest(cache.folder))
    except OSError as error:
        found = f"{cache.folder} is of no use ({error.strerror or error}): every process compiles all kernels anew"
        return "cache", "warning", found, remedy
    if damaged:
        found = f"{damaged} of {sound + damaged} kernels in {cache.folder} are damaged, and will be compiled anew"
        return "cache", "warning", found, "nothing, or remove that folder"
    return "cache", "ok", f"{sound} kernels of this version in {cache.folder}"


def _folder(place, out):
    """Whether the file system can do what keeps results whole: see `files`."""
    try:
        lacking = _probe(place)
    except OSError as error:
        found = f"{place}: nothing can be stored there ({error.strerror or error})"
        return "results", "wrong", found, "choose another --out, or make it writable"
    if lacking:
        found = f"{place} has no {' and no '.join(lacking)}: a power cut, or two jobs at once, may cost results"
        return "results", "warning", found, "choose an --out on another file system, or let no two jobs share a run"
    where = out if Path(out).absolute() == place else f"{out}, to be made in {place}"
    return "results", "ok", f"{where}: hard links, renames and syncs of folders"


def _disk(place):
    free = limits.free(place)
    if free < _LITTLE_DISK:
        return "disk", "warning", f"{footprint.told(free)} free for {place}", "free some, or choose another --out"
    return "disk", "ok", f"{footprint.told(free)} free for {place}"


def _memory():
    have, source = min([limits.memory(), *_granted()])
    found = f"{source} {footprint.told(have)}"
    if have < footprint.LEAST:
        remedy = f"allow {footprint.told(footprint.BASE)} and what simcore plan says"
        return "memory", "wrong", f"{found}; a run takes {footprint.told(footprint.LEAST)} at least", remedy
    return "memory", "ok", found


def _slurm():
    job, granted = os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_CPUS_PER_TASK")
    if job is None:
        why = _no_controller() if shutil.which("sbatch") else None
        if why:
            found = f"not in a job, and none can be submitted: sbatch is here, its controller does not answer ({why})"
            remedy = "nothing where Slurm is not wanted; else see what sinfo says, and SLURM_CONF, slurmctld and munged"
            return "slurm", "warning", found, remedy
        found = "jobs can be submitted from here" if shutil.which("sbatch") else "not on this machine"
        return "slurm", "ok", f"not in a job; {found}"
    if granted is None:
        found = f"job {job} does not say how many CPUs a task has, so a run may use those of other jobs"
        return "slurm", "warning", found, 'give sbatch --cpus-per-task, and simcore --threads "$SLURM_CPUS_PER_TASK"'
    has = len(os.sched_getaffinity(0))
    if granted.isdecimal() and int(granted) > has:
        found = f"job {job} has {granted} CPUs for each task, this process may use {has} of them"
        return "slurm", "warning", found, f"start it with srun --cpus-per-task={granted}, and look at --cpu-bind"
    return "slurm", "ok", f"job {job}, {granted} CPUs for each task"


def _granted():
    """(bytes of memory that Slurm has granted this job on this node, what says so), where it is in one that says it."""
    granted = os.environ.get("SLURM_MEM_PER_NODE", "")  # in MiB; 0 is all that there is
    if granted.isdecimal() and int(granted):
        yield int(granted) << 20, "Slurm has granted"


def _no_controller():
    """Why Slurm takes no jobs, or None where its controller answers."""
    try:
        done = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return f"sinfo has not ended in {_PATIENCE} s"
    except OSError as error:
        return f"sinfo: {error.strerror}"
    return done.returncode and (done.stderr.strip().splitlines() or [f"sinfo ended with {done.returncode}"])[-1]


def _cpus():
    """(what says so, CPUs) of all that limits the CPUs of this process."""
    yield "by affinity", len(os.sched_getaffinity(0))
    quota = min(map(_quota, limits.control_group_files("cpu", "cpu.max", "cpu.cfs_quota_us")), default=math.inf)
    if quota < math.inf:
        yield "by control group", max(1, math.ceil(quota))
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if granted.isdecimal() and int(granted):
        yield "by Slurm", int(granted)


def _quota(path):
    """CPUs that a file of a control group allows."""
    if not path.is_file():
        return math.inf
    words = path.read_text().split()
    if path.name == "cpu.cfs_quota_us":
        words += path.with_name("cpu.cfs_period_us").read_text().split()
    return int(words[0]) / int(words[1]) if words[0] not in ("max", "-1") else math.inf


def _nearest(path):
    """The folder, or the nearest above it that there is."""
    path = Path(path).absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def _probe(place):
    """What the file system of a folder cannot do, in words. Raises OSError where it takes no files at all."""
    lacking = []
    with tempfile.TemporaryDirectory(prefix=".simcore-doctor-", dir=place) as name:
        first, second = Path(name, "first"), Path(name, "second")
        with open(first, "wb") as file:
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
        if not _works(os.link, first, second):
            lacking.append("hard links")
        os.replace(first, second)
        folder = os.open(name, os.O_RDONLY)
        try:
            if not _works(os.fsync, folder):
                lacking.append("syncs of folders")
        finally:
            os.close(folder)
    return lacking


def _works(call, *args):
    try:
        call(*args)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
            raise
        return False
    return True


def _least_versions():
    """Library -> the version that simcore asks for, at least."""
    try:
        lines = metadata.requires("simcore") or ()
    except metadata.PackageNotFoundError:  # run from its sources
        return {}
    return dict(found.groups() for line in lines if (found := re.match(r"([\w-]+)>=([\d.]+)$", line)))


def _numbers(version):
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
