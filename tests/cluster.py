"""A real Slurm for tests, private to them: munged, slurmctld and one slurmd for each node, all on this machine.

    python -m tests.cluster start FOLDER     # prints what a shell needs to speak to it
    python -m tests.cluster stop FOLDER

Programs of Debian's packages munge, slurmctld, slurmd and slurm-client, without systemd, control groups or accounting,
on the loopback and on ports that are free: any number of clusters may stand side by side. All that belongs to one lies
in its folder. Whoever uses a shared one holds a lock on it; the last to leave stops it, and what killed users have left
is cleared away when the next one starts, of whatever checkout; what cannot be is named, and left.
"""

import contextlib
import fcntl
import getpass
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

NODES = ("w1", "w2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel", "sinfo")
_DAEMON = "SIMCORE_TEST_SLURM_DAEMON"  # in the environment of every daemon
_SBIN = "/usr/sbin:/sbin"
_PORTS = range(21_000, 32_000)  # below those that the system hands out
_WORKING = {"idle", "mix", "alloc", "comp"}  # states of nodes
_ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY"}
_CONF = Path(__file__).with_name("slurm.conf.template")  # with places to fill in


class ClusterError(Exception):
    """Slurm cannot be started here; the message says why."""


class Cluster:
    """A Slurm whose files lie in `folder`, running or not. node_timeout: seconds after which a silent node counts as
    dead, about a sixth of the time until its jobs start elsewhere."""

    def __init__(self, folder, node_timeout=10):
        self.folder, self.node_timeout = Path(folder).absolute(), node_timeout

    @property
    def environment(self):
        """What a process needs to speak to this Slurm, beside the rest of its environment."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *command, **options):
        """Run a program of Slurm's, or one that calls them; a subprocess.CompletedProcess, whatever its exit code."""
        options = {"capture_output": True, "text": True, "timeout": 120} | options
        environment = options.pop("env", os.environ) | self.environment
        return subprocess.run([str(word) for word in command], env=environment, check=False, **options)

    def ask(self, *command, **options):
        """What a program prints. Raises ClusterError where it fails."""
        done = self.run(*command, **options)
        if done.returncode:
            raise ClusterError(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def jobs(self):
        """Job (12, or 12_3 for a task of an array) -> state, of all that Slurm still knows."""
        lines = self.ask("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def finished(self, job, seconds=100):
        """Task or job -> state, of a job once all of it has ended. Raises ClusterError where it does not."""

        def ended():
            states = {name: state for name, state in self.jobs().items() if name.partition("_")[0] == str(job)}
            return states if set(states.values()) <= _ENDED else None

        states = wait(ended, seconds)
        if not states:
            raise ClusterError(f"job {job} does not end: {self.jobs()}")
        return states

    def start(self):
        """Start what is not running yet; returns when every node can take jobs. Raises ClusterError."""
        why = missing()
        if why:
            raise ClusterError(why)
        if not (self.folder / "slurm.conf").exists():
            self._configure()
        if not self._running("munged"):
            files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid"}
            files |= {"log-file": "munged.log", "seed-file": "munged.seed"}
            self._daemon("munged", "--force", *(f"--{name}={self.folder / file}" for name, file in files.items()))
        if not self._running("slurmctld"):
            self._daemon("slurmctld")
        for node in NODES:
            self.start_node(node)
        self._wait_for_nodes()

    def start_node(self, node):
        """Start the slurmd of a node, if it does not run."""
        if not self._running(f"slurmd-{node}"):
            (self.folder / f"spool-{node}").mkdir(exist_ok=True)
            self._daemon("slurmd", "-N", node)

    def kill_slurmd(self, node):
        """Kill -9 for the daemon of a node. Its jobs and their keepers live on."""
        _kill(self.pid(f"slurmd-{node}"), signal.SIGKILL)

    def pid(self, daemon):
        """The process of a daemon: munged, slurmctld, slurmd-w1, ..."""
        return int((self.folder / f"{daemon}.pid").read_text())

    def stop(self):
        """End all its jobs and daemons."""
        with contextlib.suppress(ClusterError, OSError, subprocess.TimeoutExpired):
            self.ask("scancel", f"--user={getpass.getuser()}", timeout=5)
            wait(lambda: not set(self.jobs().values()) & {"RUNNING", "COMPLETING"}, 2)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._processes():
                _kill(pid, number)
            if wait(lambda: not self._processes(), 4):
                return
        raise ClusterError(f"{self.folder}: processes {self._processes()} do not end")

    def _configure(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir(exist_ok=True)
        _write_private(self.folder / "munge.key", secrets.token_bytes(128))
        first, *others = _free_ports(1 + len(NODES))
        named = {"folder": self.folder, "host": socket.gethostname().partition(".")[0], "user": getpass.getuser()}
        named |= {"port": first, "node_timeout": self.node_timeout}
        named |= {"nodes": ",".join(NODES), "node_ports": ",".join(map(str, others))}
        (self.folder / "slurm.conf").write_text(_CONF.read_text().format(**named))

    def _daemon(self, *command):
        path = f"{os.environ.get('PATH', '')}:{_SBIN}"
        self.ask(*command, env=os.environ | {"PATH": path, _DAEMON: "1"})

    def _running(self, daemon):
        try:
            return self.pid(daemon) in self._processes()
        except (FileNotFoundError, ValueError):
            return False

    def _wait_for_nodes(self):
        def answer():
            states = self.run("sinfo", "--noheader", "--Node", "--partition=main", "--format=%t").stdout.split()
            return len(states) == len(NODES) and set(states) <= _WORKING

        if not wait(answer, 30):
            log = (self.folder / "slurmctld.log").read_text()[-2000:]
            raise ClusterError(f"{self.folder}: the nodes do not answer\n{log}")

    def _processes(self, *kinds):
        """Every process of this cluster, or those of some kinds, but not those that only speak to it."""
        found = {int(entry.name): self._kind(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
        return [pid for pid, kind in found.items() if kind in (kinds or ("daemon", "keeper", "job"))]

    def _kind(self, entry):
        """What a process is of this cluster, by its folder in /proc: a daemon, a job, the keeper of one, or None."""
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            keeper = (entry / "cmdline").read_bytes().startswith(b"slurmstepd:")  # which drops its environment
            if keeper and (entry / "cwd").readlink() == self.folder:
                return "keeper"
        except OSError:  # it has ended, or is another user's
            return None
        if f"SLURM_CONF={self.environment['SLURM_CONF']}".encode() not in environment:
            return None
        if f"{_DAEMON}=1".encode() in environment:
            return "daemon"
        return "job" if any(word.startswith(b"SLURM_JOB_ID=") for word in environment) else None


def missing():
    """Why no Slurm can be started here; None where it can."""
    lacking = [name for name in PROGRAMS if not shutil.which(name) and not shutil.which(name, path=_SBIN)]
    if lacking:
        return f"no {', '.join(lacking)} (on Debian: apt-get install munge slurmctld slurmd slurm-client)"
    return None


@contextlib.contextmanager
def shared(name, within="/tmp", **options):
    """The running Cluster of a name, for as long as anyone is in such a context, in whatever process.

    within: a folder, of a short path, for the one with all clusters of this user. options: of the Cluster.
    """
    home = Path(within) / f"simcore-slurm-{os.getuid()}"
    home.mkdir(mode=0o755, exist_ok=True)
    cluster = Cluster(home / name, **options)
    with _locked(home / "lock"):
        _sweep(home, cluster.folder)
        cluster.folder.mkdir(exist_ok=True)
        using = open(cluster.folder / "users", "w")  # noqa: SIM115 - closed by the last lines
        fcntl.flock(using, fcntl.LOCK_SH)
        cluster.start()
    try:
        yield cluster
    finally:
        with _locked(home / "lock"):
            using.close()
            _sweep(home, cluster.folder)


def _sweep(home, own):
    """Stop and remove every cluster that nobody uses. One that does not end is named and left; where it is that in the
    folder `own`, raises ClusterError."""
    for folder in [entry for entry in home.iterdir() if entry.is_dir()]:
        with open(folder / "users", "a") as users, contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                Cluster(folder).stop()
                shutil.rmtree(folder)
            except (ClusterError, OSError) as error:
                if folder == own:
                    raise
                print(f"a cluster that nobody uses is left: {error}", file=sys.stderr)


@contextlib.contextmanager
def _locked(path):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def wait(condition, seconds):
    """What `condition()` gives as soon as that is true, or after so many seconds."""
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return met


def _kill(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _free_ports(count):
    return list(itertools.islice(filter(_is_free, _PORTS), count))


def _is_free(port):
    with socket.socket() as tried, contextlib.suppress(OSError):
        tried.bind(("127.0.0.1", port))
        return True
    return False


def _write_private(path, data):
    with open(path, "wb", opener=lambda path, flags: os.open(path, flags, 0o400)) as file:
        file.write(data)


if __name__ == "__main__":
    verb, place = sys.argv[1:]
    {"start": Cluster.start, "stop": Cluster.stop}[verb](Cluster(place))
    print(f"export SLURM_CONF='{Cluster(place).environment['SLURM_CONF']}'" if verb == "start" else "stopped")
