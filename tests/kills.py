"""Runs that are killed, interrupted, or whose disk fails, from a server that forks a warm process for each.

    python -m tests.kills random 3000          kill -9 at random moments
    python -m tests.kills operations           kill -9 before every call that changes the disk, and within every write;
                                               operations 2: every second one of these
    python -m tests.kills failing 0            such a call fails: by turns with EIO once, ENOSPC from then on, ENOSPC
                                               once, EIO from then on; failing 1, 2, 3: another turn comes first
    python -m tests.kills reading              a call that reads fails with EIO; reading 2: every second one
    python -m tests.kills signals 200          SIGTERM, SIGINT and SIGUSR1 at random moments
    python -m tests.kills together 10          so many processes start on one run, of one study or of two
    python -m tests.kills clocks               clocks and times of files jump

Each prints one line of JSON, counts of what was done and what was found; whatever happened, a run that is let finish
must have the bytes of one that nothing happened to. The study grows on the way: more replications, then an estimator
and a cell more; it keeps its estimates, and its blocks are small.
"""

import errno
import functools
import hashlib
import itertools
import json
import mmap
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import simcore as sc
from simcore import audit, cli, files, jit, provenance, runs
from simcore.errors import DamagedError, SimcoreError
from tests.running import cut_small, paused

NORMAL, CAUCHY = {"distribution": "normal"}, {"distribution": "cauchy"}
ENTRIES = {"name": "tiny", "problem": "location", "seed": 5, "keep": "estimates"}
STEPS = (  # of the history of a run; the second one cuts the last block of the first
    {"replications": 5500, "errors": [CAUCHY], "estimators": [{"loss": "l2"}]},
    {"replications": 9500, "errors": [CAUCHY], "estimators": [{"loss": "l2"}]},
    {"replications": 9500, "errors": [NORMAL, CAUCHY], "estimators": [{"loss": "l2"}, {"loss": "l1"}]},
)
TRACEBACK, CRASHED = 99, 98
READS = {"read", "listdir", "open to read"}
CHANGES = {"write", "fsync", "link", "replace", "unlink", "mkdir", "open to write"}


def study_of(step, **changes):
    entries = ENTRIES | STEPS[step] | changes
    errors = entries.pop("errors")
    return sc.Study(**entries, factors={"n": [5], "errors": errors})


class Faulty:
    """The system with one call, the n-th of its kinds, that goes wrong, or with all from then on."""

    def __init__(self, n, fault, kinds=CHANGES, for_ever=False):
        self.n, self.fault, self.kinds, self.for_ever, self.count = n, fault, kinds, for_ever, 0

    def __getattr__(self, name):
        call = getattr(os, name)
        return functools.partial(self.called, name, call) if callable(call) else call

    def called(self, name, call, *arguments):
        kind = name if name != "open" else "open to write" if arguments[1] & os.O_CREAT else "open to read"
        if kind in self.kinds:
            self.count += 1
            if self.count == self.n or (self.for_ever and self.count > self.n):
                self.fault(name, call, *arguments)
        return call(*arguments)


def die(_name, _call, *_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_within(_name, write, descriptor, data):
    write(descriptor, data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)


def fail(number):
    def fault(name, _call, *_):
        raise OSError(number, os.strerror(number), name)

    return fault


def child(work):
    """Fork a process that does `work` and ends with the exit code that the command line would give."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = CRASHED
    try:
        code = work() or 0
    except SimcoreError as error:
        code = error.exit_code
        print(f"exit {code}: {error!s:.300}", file=sys.stderr)
    except SystemExit as error:
        code = error.code or 0
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        code = TRACEBACK
    finally:
        os._exit(code)


def ended(pid):
    """The exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def step_into(out, step, system=os):
    def work():
        files.system = system
        begun = (Path(out) / "tiny" / "run.json").exists()
        (runs.extend if begun else runs.run)(study_of(step), out, threads=1)

    return work


def findings(out):
    """What a verification finds in the run, which may not be finished."""
    return audit.verify(Path(out) / "tiny", sample=0).findings if (Path(out) / "tiny" / "run.json").exists() else ()


def snapshot(out):
    """Every file of the run but those of writers that were killed, and its SHA-256."""
    found = (path for path in Path(out).rglob("*") if path.is_file() and path.parent.name != "temporary")
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def stored(out):
    """How many files of blocks there are."""
    return len([*Path(out).glob("*/blocks/*")])


def unlike(one, other):
    """Whether two snapshots differ otherwise than in what a record says of the history of a run."""
    return {(name, own) for name, own in one.items() ^ other.items() if not name.endswith("run.json")} != set()


def damaged(out):
    """Names of visible files that are not whole: their SHA-256 is in the name, or they are those of a finished step."""
    wrong = []
    for path in (path for folder in ("blocks", "estimates") for path in Path(out).glob(f"*/{folder}/*")):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.stem.rpartition("-")[2]:
            wrong.append(path.name)
    for path in Path(out).glob("*/run.json"):
        try:
            provenance.read(path)
        except DamagedError:
            wrong.append(path.name)
    for path in Path(out).glob("*/summary.parquet"):
        if hashlib.sha256(path.read_bytes()).hexdigest() not in Server.summaries:
            wrong.append(path.name)
    return wrong


class Server:
    """What an undisturbed history makes, after each step, and how long the steps take."""

    scratch, expected, seconds, summaries = None, [], [], set()

    @classmethod
    def start(cls, scratch):
        from numba.np.ufunc import parallel  # once it knows the threading layer

        cut_small(SimpleNamespace(setattr=setattr), 4)
        cls.scratch = scratch
        runs.run(study_of(2, replications=64), scratch / "warm", threads=1)
        jit._Driver.__call__ = lambda self, *arguments: self._loop(*arguments)  # children use what is compiled here
        parallel._backend_init_process_lock = threading.RLock()  # Numba's own is shared: killed children would hold it
        for step in range(len(STEPS)):
            began = time.perf_counter()
            assert ended(child(step_into(scratch / "whole", step))) == 0
            cls.seconds.append(time.perf_counter() - began)
            assert not findings(scratch / "whole")
            cls.expected.append(snapshot(scratch / "whole"))
            cls.summaries.add(cls.expected[-1]["tiny/summary.parquet"])
            shutil.copytree(scratch / "whole", scratch / f"after{step}")

    @classmethod
    def before(cls, step):
        """A folder as it is before a step."""
        out = Path(tempfile.mkdtemp(dir=cls.scratch))
        return shutil.copytree(cls.scratch / f"after{step - 1}", out, dirs_exist_ok=True) if step else out


def finish(out, step, found, expected=None):
    """Let a step be done, and count what is not as it should be. expected: not after the steps before it. Of the bytes
    that are expected, a verification has nothing to say."""
    found["failed"] += ended(child(step_into(out, step))) != 0
    differs = snapshot(out) != (expected or Server.expected[step])
    found["differing"] += differs
    found["leftovers"] += any(files.names(Path(out) / "tiny" / "temporary"))
    found["found"] += differs and bool(findings(out))


def kill_at_random(count, seed=1):
    found, chance = Counter(kills=0), random.Random(seed)
    while found["kills"] < count:
        out = Server.before(0)
        for step in range(len(STEPS)):
            while chance.random() < 0.8:
                pid = child(step_into(out, step))
                time.sleep(chance.uniform(0, 1.1 * Server.seconds[step]))
                os.kill(pid, signal.SIGKILL)
                found["kills"] += ended(pid) == -signal.SIGKILL
                found["damaged"] += bool(damaged(out)) or bool(findings(out))
            finish(out, step, found)
        found["histories"] += 1
        shutil.rmtree(out)
    return found


def each_call(*faults, every=1, **options):
    """A fault at each call in turn of every step, or each second one and so on; then the step is done. faults: for one
    call after the other, pairs (function, whether all calls from then on fail)."""
    found, struck = Counter(faults=0), mmap.mmap(-1, 1)

    def told(fault):
        return lambda *call: struck.__setitem__(0, 1) or fault(*call)

    for step in range(len(STEPS)):
        for n, (fault, for_ever) in zip(itertools.count(1, every), itertools.cycle(faults), strict=False):
            struck[0], out = 0, Server.before(step)
            code = ended(child(step_into(out, step, Faulty(n, told(fault), for_ever=for_ever, **options))))
            found["tracebacks"] += code in (TRACEBACK, CRASHED)
            found["unnoticed"] += code == 0 and snapshot(out) != Server.expected[step]
            found["damaged"] += bool(damaged(out)) or bool(findings(out))
            finish(out, step, found)
            shutil.rmtree(out)
            if not struck[0]:
                break
            found["faults"] += 1
            found[f"exit {code}"] += 1
    return found


def hears(pid):
    """Whether a child handles signals as commands do."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) & 1 << signal.SIGUSR1 - 1)


def interrupt(count, seed=1):
    """Signals to the command line itself: it ends with its exit code and without a traceback, and before it has stored
    more than the file that was under way. "slowest": seconds, which other processes may make many."""
    found, chance, slowest = Counter(signals=0), random.Random(seed), 0.0
    text = Server.scratch / "tiny.toml"
    text.write_text(study_of(2).text)
    began = time.perf_counter()
    assert ended(child(step_into(Server.scratch / "alone", 2))) == 0
    seconds, expected = time.perf_counter() - began, snapshot(Server.scratch / "alone")
    while found["signals"] < count:
        out, number = Server.before(0), chance.choice((signal.SIGTERM, signal.SIGINT, signal.SIGUSR1))
        errors = out / "stderr"

        def work(out=out, errors=errors):
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            cli.main(["run", str(text), "--out", str(out), "--threads", "1"])

        pid = child(work)
        while not hears(pid):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 1.2 * seconds))
        with paused(pid):
            before, heard = stored(out), hears(pid)  # which it does no more at the end
            os.kill(pid, number if heard else signal.SIGCONT)
        asked = time.perf_counter()
        code = ended(pid)
        if not heard:
            shutil.rmtree(out)
            continue
        slowest = max(slowest, time.perf_counter() - asked)
        found["late"] += stored(out) > before + 1
        found["signals"] += 1
        found[f"exit {code}"] += 1
        found["wrong exit"] += code not in (0, 130 if number == signal.SIGINT else 75)
        if "Traceback" in (told := errors.read_text()):
            found["tracebacks"] += 1
            print(told, file=sys.stderr)
        errors.unlink()
        found["damaged"] += bool(damaged(out))
        finish(out, 2, found, expected)
        shutil.rmtree(out)
    return found | {"slowest": round(slowest, 2)}


def together(count):
    """Processes that start at once on a run: all end well with the bytes of one; those of another study are refused."""
    found = Counter()
    for start, step in ((0, 0), (1, 1), (2, 2)) * 3:
        out = Server.before(start)
        codes = [ended(pid) for pid in [child(step_into(out, step)) for _ in range(count)]]
        found["failed"] += sum(code != 0 for code in codes)
        found["differing"] += snapshot(out) != Server.expected[step]
        shutil.rmtree(out)
    for _ in range(5):
        out = Server.before(1)
        codes = [ended(pid) for pid in [child(step_into(out, 1 + k % 2)) for k in range(count)]]
        found["failed"] += sum(code not in (0, 3, 4) for code in codes)  # extended further, or changed meanwhile
        found.update(f"exit {code}" for code in codes)
        found["failed"] += ended(child(step_into(out, 2))) != 0
        found["differing"] += unlike(snapshot(out), Server.expected[2])
        found["found"] += bool(findings(out))
        shutil.rmtree(out)
    out = Server.before(0)

    def of_seed(seed):
        return lambda: runs.run(study_of(1, seed=seed), out, threads=1) and None

    codes = [ended(pid) for pid in [child(of_seed(5 + k % 2)) for k in range(count)]]
    found["refused"] = sum(code == 4 for code in codes)
    found["failed"] += sum(code not in (0, 4) for code in codes) + (sum(code == 0 for code in codes) != count // 2)
    winner = sc.open(out / "tiny").study.seed
    assert ended(child(lambda: runs.run(study_of(1, seed=winner), out / "alone", threads=1) and None)) == 0
    alone = snapshot(out / "alone")
    found["differing"] += {name: data for name, data in snapshot(out).items() if name in alone} != alone
    return found


def clocks():
    """Clocks that jump back and forth, and files from any time."""
    found, chance, out = Counter(), random.Random(1), Server.before(0)

    def jumping(step):
        for name in ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns"):
            setattr(time, name, lambda: chance.uniform(-1e9, 1e12))
        return step_into(out, step)()

    for step in range(len(STEPS)):
        found["failed"] += ended(child(functools.partial(jumping, step))) != 0
        for path in out.rglob("*"):
            os.utime(path, (chance.uniform(0, 4e9), chance.uniform(0, 4e9)))
        found["differing"] += snapshot(out) != Server.expected[step]
    return found


def added(counts, more):
    counts.update(more)
    return counts


def main(what, count=0):
    eio, full = fail(errno.EIO), fail(errno.ENOSPC)
    every = count or 1
    ways = [(eio, False), (full, True), (full, False), (eio, True)]
    work = {
        "random": lambda: kill_at_random(count),
        "operations": lambda: added(
            each_call((die, False), every=every), each_call((die_within, False), every=every, kinds={"write"})
        ),
        "failing": lambda: each_call(*ways[count:], *ways[:count]),
        "reading": lambda: each_call((eio, False), every=every, kinds=READS),
        "signals": lambda: interrupt(count),
        "together": lambda: together(count),
        "clocks": clocks,
    }[what]
    os.environ["NUMBA_THREADING_LAYER"] = "workqueue"  # the one that lives on after a fork
    with tempfile.TemporaryDirectory() as scratch:
        Server.start(Path(scratch))
        print(json.dumps(dict(work())))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
