"""A real Slurm for tests, private to them: munged, slurmctld and one slurmd for each node, all on this machine.

    python -m tests.cluster start FOLDER     # prints what a shell needs to speak to it
    python -m tests.cluster stop FOLDER

Programs of Debian's packages munge, slurmctld, slurmd and slurm-client, without systemd, control groups or accounting,
on the loopback and on ports that are free: any number of clusters may stand side by side. All that belongs to one lies
in its folder. Whoever uses a shared one holds a lock on it; the last to leave stops it, and what killed users have left
is cleared away when the next one starts.
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
_ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY"}
_CONF = """
ClusterName=simcore
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# a requeued job may not start again before its old credential has expired, after 120 s if nothing is said
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=256
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MaxArraySize=1001
KillWait=5
ReturnToService=2
SlurmdTimeout=10
SlurmdParameters=config_overrides
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={node_ports} CPUs=4 RealMemory=4096 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 DefaultTime=10 PriorityTier=10
PartitionName=spare Nodes=ALL MaxTime=60 DefaultTime=10 PriorityTier=1
"""


class ClusterError(Exception):
    """Slurm cannot be started here; the message says why."""


class Cluster:
    """A Slurm whose files lie in `folder`, running or not."""

    def __init__(self, folder):
        self.folder = Path(folder).absolute()

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
        self._wait_until_idle()

    def start_node(self, node):
        """Start the slurmd of a node, if it does not run."""
        if not self._running(f"slurmd-{node}"):
            (self.folder / f"spool-{node}").mkdir(exist_ok=True)
            self._daemon("slurmd", "-N", node)

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
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if wait(lambda: not self._processes(), 4):
                return
        raise ClusterError(f"{self.folder}: processes {self._processes()} do not end")

    def _configure(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir(exist_ok=True)
        _write_private(self.folder / "munge.key", secrets.token_bytes(128))
        first, *others = _free_ports(1 + len(NODES))
        named = {"folder": self.folder, "host": socket.gethostname().partition(".")[0], "user": getpass.getuser()}
        named |= {"ports": [first], "nodes": ",".join(NODES), "node_ports": ",".join(map(str, others))}
        (self.folder / "slurm.conf").write_text(_CONF.format(**named))

    def _daemon(self, *command):
        path = f"{os.environ.get('PATH', '')}:{_SBIN}"
        self.ask(*command, env=os.environ | {"PATH": path, _DAEMON: "1"})

    def _running(self, daemon):
        try:
            return self.pid(daemon) in self._processes()
        except (FileNotFoundError, ValueError):
            return False

    def _wait_until_idle(self):
        def idle():
            done = self.run("sinfo", "--noheader", "--Node", "--partition=main", "--format=%t")
            return sorted(done.stdout.split()) == ["idle"] * len(NODES)

        if not wait(idle, 30):
            log = (self.folder / "slurmctld.log").read_text()[-2000:]
            raise ClusterError(f"{self.folder}: the nodes do not answer\n{log}")

    def _processes(self):
        """Every process of this cluster, but not those that only speak to it."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._owns(entry)]

    def _owns(self, entry):
        """Whether a process, by its folder in /proc, is one of the daemons, a job, or the keeper of one, which drops
        its environment."""
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            keeper = (entry / "cmdline").read_bytes().startswith(b"slurmstepd:")
            if keeper and (entry / "cwd").readlink() == self.folder:
                return True
        except OSError:  # it has ended, or is another user's
            return False
        named = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode() in environment
        return named and any(word.startswith((b"SLURM_JOB_ID=", f"{_DAEMON}=".encode())) for word in environment)


def missing():
    """Why no Slurm can be started here; None where it can."""
    lacking = [name for name in PROGRAMS if not shutil.which(name) and not shutil.which(name, path=_SBIN)]
    if lacking:
        return f"no {', '.join(lacking)} (on Debian: apt-get install munge slurmctld slurmd slurm-client)"
    return None


@contextlib.contextmanager
def shared(name, within="/tmp"):
    """The running Cluster of a name, for as long as anyone is in such a context, in whatever process.

    within: a folder, of a short path, for the one with all clusters of this user.
    """
    home = Path(within) / f"simcore-slurm-{os.getuid()}"
    home.mkdir(mode=0o755, exist_ok=True)
    cluster = Cluster(home / name)
    with _locked(home / "lock"):
        _sweep(home)
        cluster.folder.mkdir(exist_ok=True)
        using = open(cluster.folder / "users", "w")  # noqa: SIM115 - closed by the last lines
        fcntl.flock(using, fcntl.LOCK_SH)
        cluster.start()
    try:
        yield cluster
    finally:
        with _locked(home / "lock"):
            using.close()
            _sweep(home)


def _sweep(home):
    """Stop and remove every cluster that nobody uses."""
    for folder in [entry for entry in home.iterdir() if entry.is_dir()]:
        with open(folder / "users", "a") as users, contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Cluster(folder).stop()
            shutil.rmtree(folder)


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
