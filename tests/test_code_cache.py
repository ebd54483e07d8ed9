"""The cache of kernels: damage, trouble and company cost a compilation at most, never a number or a traceback."""

import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from simcore import code_cache, jit
from simcore.code_cache import CodeCache

ROOT = Path(code_cache.__file__).parents[1]
NOBODY = 65534
PROGRAM = """
import os, sys
import numpy as np
from simcore import code_cache, jit
from simcore.jit import call

carray = change = None

def third(x):
    return x / 3.0

def square(x):
    return x * x

def each(values, n, a, b, c):
    row = carray(values, (n,))
    for i in range(n):
        row[i] = change(row[i])

def loop(address, rows, n):
    for i in range(rows.shape[0]):
        call(address, rows[i], n, 0, 0, 0)

def add(rows, step):
    for i in range(rows.shape[0]):
        rows[i, 0] += step

def main(*changes):
    rows = np.arange(1.0, 7.0).reshape(2, 3)
    for change in changes:
        jit.driver(loop)(jit.entry(each, "diiii", change.__name__, change=jit.lane(change)).address, rows, 3)
    jit.driver(add)(rows, 0.1)
    jit.driver(add)(rows, 3)  # of other types: compiled once more
    return rows.tobytes().hex()
"""
BOTH = "print(program.main(program.third, program.square))"
KERNELS = 4  # two entries and two drivers, one of them for two types


def right():
    rows = (np.arange(1.0, 7.0).reshape(2, 3) / 3.0) ** 2
    rows[:, 0] += 0.1
    rows[:, 0] += 3
    return rows.tobytes().hex() + "\n"


@pytest.fixture
def place(tmp_path):
    """A folder with the program, a temporary folder and a cache."""
    for name in ("work", "tmp", "cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "work/program.py").write_text(PROGRAM)
    return tmp_path


def start(place, code=BOTH, **changes):
    environment = {name: value for name, value in os.environ.items() if name not in ("NUMBA_DISABLE_JIT", "HOME")}
    environment |= {"SIMCORE_CACHE_DIR": str(place / "cache"), "TMPDIR": str(place / "tmp"), "PYTHONPATH": str(ROOT)}
    environment = {name: value for name, value in (environment | changes).items() if value is not None}
    command = [sys.executable, "-B", "-c", f"import program, os; from program import code_cache; {code}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=place / "work", env=environment, **pipes)


def outcome(process):
    """(exit status, stdout, stderr) of a process, which is killed where it hangs."""
    alarm = threading.Timer(60, process.kill)
    alarm.start()
    out, said = process.communicate()
    alarm.cancel()
    return process.returncode, out, said


def run(place, code=BOTH, **changes):
    """What a process says on stderr, after its numbers proved right and its temporary folder empty."""
    status, out, said = outcome(start(place, code, **changes))
    assert (status, out) == (0, right()), said
    assert not list((place / "tmp").iterdir())
    return said


def sealed(place):
    """Name -> (inode, content) of everything in the cache: an inode that stays says that nothing was compiled."""
    files = sorted(path for path in (place / "cache").rglob("*") if not path.is_dir())
    return {path: (path.lstat().st_ino, path.read_bytes()) for path in files}


def test_a_warm_start_compiles_nothing(place):
    assert run(place) == ""
    cold = sealed(place)
    assert len(cold) == KERNELS
    assert sum(b".2.nbc" in content for _, content in cold.values()) == 1  # both types of `add`
    assert {path.parent.stat().st_mode & 0o777 for path in cold} == {0o700}
    assert run(place) == ""
    assert sealed(place) == cold


def _flip(content):
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


class Planted:
    def __reduce__(self):
        return os.mkdir, ("planted",)


DAMAGE = {
    "flipped bit": _flip,
    "cut": lambda content: content[:-1],
    "empty": lambda content: b"",
    "garbage": lambda content: bytes(range(256)) * 40,
    "pickle": lambda content: pickle.dumps(Planted()),
}


def test_damaged_swapped_and_planted_files_are_replaced(place):
    run(place)
    sound = {path: content for path, (_, content) in sealed(place).items()}
    for damage in DAMAGE.values():
        for path, content in sound.items():
            path.write_bytes(damage(content))
        assert run(place).count("\n") == 1
        assert {path: len(content) for path, (_, content) in sealed(place).items()} == {
            path: len(content) for path, content in sound.items()
        }
    paths = list(sound)
    for path, other in zip(paths, paths[1:] + paths[:1], strict=True):
        path.write_bytes(sound[other])
    assert run(place).count("\n") == 1
    paths[0].unlink()
    paths[0].symlink_to(place / "work/program.py")
    paths[1].unlink()
    os.mkfifo(paths[1])  # opening it would block
    assert run(place).count("\n") == 1
    whole = sealed(place)
    assert run(place) == "" and sealed(place) == whole
    assert not (place / "work/planted").exists()


def said_once(text):
    return text.startswith("simcore: compiling without the cache of kernels") and text.count("\n") == 1


def test_where_nothing_can_be_kept_one_line_says_so(place):
    (place / "file").write_text("")
    homeless = {"SIMCORE_CACHE_DIR": None, "XDG_CACHE_HOME": None, "HOME": str(place / "gone")}
    for changes in ({"SIMCORE_CACHE_DIR": str(place / "file")}, {"SIMCORE_CACHE_DIR": "/proc/cache"}, homeless):
        said = run(place, **changes)
        assert said_once(said), said
    said = run(place, f"program.code_cache.tempfile.tempdir = '/nonexistent'; {BOTH}")
    assert said_once(said), said
    assert not sealed(place) and not (place / "gone").exists()


def mounted(*options):
    """Whether a file system could be mounted; without it root has no disk that is full or cannot be written."""
    return not os.geteuid() and not subprocess.run(["mount", *options], capture_output=True).returncode


def test_a_read_only_folder_is_read(place):
    run(place, "program.main(program.third); " * 2 + f"print({right().strip()!r})")
    some = sealed(place)
    folder = next(iter(some)).parent
    folder.chmod(0o500)
    if not os.geteuid() and not (mounted("--bind", folder, folder) and mounted("-o", "remount,bind,ro", folder)):
        pytest.skip("no folder is read-only for root where nothing can be mounted")
    try:
        assert run(place, f"program.main(program.third); print({right().strip()!r})") == ""
        assert said_once(run(place))
        assert sealed(place) == some
    finally:
        if not os.geteuid():
            subprocess.run(["umount", folder], check=True)
        folder.chmod(0o700)


def test_files_cannot_grow(place):
    for limit in (4_000, 100):  # Numba writes its index and not its code; not even its index
        said = run(place, f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {BOTH}")
        assert said_once(said), said
        assert not sealed(place)


def test_a_full_disk(place):
    if not mounted("-t", "tmpfs", "-o", "size=40k", "tmpfs", place / "cache"):
        pytest.skip("a small disk cannot be mounted here")
    try:
        said = run(place)
        assert said_once(said) and "No space left" in said
        assert 0 < len(sealed(place)) < KERNELS
    finally:
        subprocess.run(["umount", place / "cache"], check=True)


def test_four_cold_starts_at_once(place):
    processes = [start(place) for _ in range(4)]
    for process in processes:
        assert outcome(process) == (0, right(), "")
    together = sealed(place)
    assert len(together) == KERNELS
    assert run(place) == "" and sealed(place) == together


@pytest.mark.parametrize(
    ("moment", "call", "left"), [("os.replace", 2, 0), ("code_cache.CodeCache.seal", 3, 2), ("os.fsync", 3, 3)]
)
def test_what_a_killed_process_leaves_is_swept(place, moment, call, left):
    """Killed while Numba writes the first kernel, when it has written the third, and before that is in its place."""
    process = start(
        place,
        f"old, calls = {moment}, []\n"
        f"def kill(*args): calls.append(1); os.kill(os.getpid(), 9) if len(calls) == {call} else old(*args)\n"
        f"{moment} = kill\n{BOTH}",
    )
    assert outcome(process) == (-signal.SIGKILL, "", "")
    assert len(list((place / "tmp").iterdir())) == 1
    assert len(sealed(place)) == left
    assert run(place) == ""
    assert len(sealed(place)) == KERNELS


def test_a_fork_leaves_the_folder_to_its_parent(place):
    """The child compiles in a folder of its own, loops that the parent made too; both have the right numbers."""
    code = (
        "program.main(program.third)\n"
        "tmp = os.environ['TMPDIR']; before = list(os.walk(tmp)); child = os.fork()\n"
        "if child: assert os.waitpid(child, 0)[1] == 0 and list(os.walk(tmp)) == before\n"
        "else: program.jit.driver(program.add)(program.np.zeros((2, 3)), True); assert len(os.listdir(tmp)) == 2\n"
        "found = program.main(program.third, program.square)\n"
        f"if not child: raise SystemExit(found != {right().strip()!r})\n"
        "print(found)"
    )
    assert run(place, code) == ""
    together = sealed(place)
    assert run(place) == "" and sealed(place) == together


@pytest.mark.parametrize(("gone", "lines"), [("SIMCORE_CACHE_DIR", 0), ("TMPDIR", 1)])
def test_folders_may_vanish_under_a_process(place, gone, lines):
    code = (
        "program.main(program.third)\n"
        f"import shutil; shutil.rmtree(os.environ[{gone!r}]); os.mkdir(os.environ[{gone!r}])\n{BOTH}"
    )
    assert run(place, code).count("\n") == lines
    run(place)
    whole = sealed(place)
    assert len(whole) == KERNELS
    assert run(place) == "" and sealed(place) == whole


def test_what_numba_cannot_read_is_compiled(place):
    run(place)
    whole = sealed(place)
    code = (
        "unseal = code_cache.CodeCache.unseal\n"
        "def cut(self, function):\n"
        "    folder = unseal(self, function)\n"
        "    for path in folder.rglob('*.nbc'): os.truncate(path, 1000)\n"
        f"    return folder\ncode_cache.CodeCache.unseal = cut\n{BOTH}"
    )
    assert said_once(run(place, code))
    assert sealed(place) == whole


def test_numba_does_not_cache_beside_the_sources(place):
    assert said_once(run(place, f"code_cache.CodeCache.unseal = lambda *args: '/proc/nowhere'\n{BOTH}"))
    assert [path.name for path in (place / "work").iterdir()] == ["program.py"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache that already holds two functions, of which the compiler wrote an index and code."""
    monkeypatch.setenv("SIMCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = CodeCache("digest")
    for function, code in ((right, b"code of right"), (run, b"code of run")):
        folder = first.unseal(function)
        (folder / "sub").mkdir()
        (folder / "sub/index").write_bytes(b"index")
        (folder / "sub/code").write_bytes(code)
        first.seal(function)
    first._leave()
    found = CodeCache("digest")
    yield found
    found._leave()


def unsealed(cache, function=right):
    folder = cache.unseal(function)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    cache._leave()
    return files


WHOLE = {"sub/index": b"index", "sub/code": b"code of right"}


def test_no_flipped_bit_and_no_cut_gets_through(cache, capsys):
    assert unsealed(cache) == WHOLE
    path = cache.folder / code_cache._name(right)
    sound = path.read_bytes()
    for at in range(len(sound)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << at % 8]) + sound[at + 1 :])
        assert unsealed(cache) == {}
        path.write_bytes(sound[:at])
        assert unsealed(cache) == {}
    path.write_bytes(sound + b"\0")
    assert unsealed(cache) == {}
    assert capsys.readouterr().err.count("\n") == 1
    path.write_bytes(sound)
    assert unsealed(cache) == WHOLE


def test_only_what_was_sealed_for_the_same_function_and_code_is_unsealed(cache):
    sound = (cache.folder / code_cache._name(run)).read_bytes()
    (cache.folder / code_cache._name(right)).write_bytes(sound)
    assert unsealed(cache) == {}
    other = CodeCache("another")
    other.folder = cache.folder
    assert unsealed(other, run) == {} and unsealed(cache, run) == WHOLE | {"sub/code": b"code of run"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_others_are_left_alone(cache, capsys):
    os.chown(cache.folder / code_cache._name(right), NOBODY, NOBODY)
    assert unsealed(cache) == {}
    os.chown(cache.folder, NOBODY, NOBODY)
    cache.unseal(run)
    before = (cache.folder / code_cache._name(run)).stat().st_ino
    cache.seal(run)
    assert (cache.folder / code_cache._name(run)).stat().st_ino == before
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_that_cannot_be_written_whole_is_not_written(cache, capsys):
    cache.unseal(right)
    before = {path.name: path.stat().st_ino for path in cache.folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60, hard))
    try:
        cache.seal(right)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.stat().st_ino for path in cache.folder.iterdir()} == before
    assert "File too large" in capsys.readouterr().err


def test_what_living_processes_hold_is_not_swept(cache, tmp_path):
    held = CodeCache("digest").unseal(right)  # as by another process: a lock of its own
    cache.unseal(right)
    assert held.is_dir()
    (tmp_path / "old").mkdir()
    (tmp_path / "old/x").write_bytes(b"x")
    (tmp_path / "old").rename(tmp_path / f"simcore-{os.uname().nodename}-old")
    assert "old" in "".join(os.listdir(tmp_path))
    CodeCache("digest").unseal(right)
    assert "old" not in "".join(os.listdir(tmp_path)) and held.is_dir()


def test_unused_kernels_of_other_code_go_when_new_code_comes(tmp_path, monkeypatch):
    """Those that nobody has used for a month, nobody uses now, and that are ours by name; not with a warm start."""
    monkeypatch.setenv("SIMCORE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    month, now = 31 * 86_400, time.time()

    def compiled(digest, age=0):
        cache = CodeCache(digest)
        (cache.unseal(right) / "code").write_bytes(b"code")
        cache.seal(right)
        os.utime(cache.folder, (now - age, now - age))
        return cache

    unused, used, recent, warm = (compiled(letter * 24) for letter in "abcd")
    strange = tmp_path / "simcore/notes"
    strange.mkdir()
    (strange / "text").write_text("text")
    for cache in (unused, recent, warm):
        cache._leave()
    for path in (unused.folder, used.folder, warm.folder, strange):
        os.utime(path, (now - month, now - month))
    again = CodeCache("d" * 24)
    assert (again.unseal(right) / "code").read_bytes() == b"code"
    again._leave()
    assert unused.folder.is_dir(), "nothing is new"
    assert warm.folder.stat().st_mtime > now - 60
    compiled("e" * 24)._leave()
    assert {path.name[0] for path in (tmp_path / "simcore").iterdir()} == {"b", "c", "d", "e", "n"}
    assert (used.folder / code_cache._name(right)).is_file()
    used._leave()


def test_options_that_change_the_code_have_a_folder_of_their_own(place):
    run(place)
    run(place, NUMBA_BOUNDSCHECK="1")
    assert len(sealed(place)) == 2 * KERNELS
    assert "code_cache" not in jit.FACES  # a cache that was wrong is a reason to distrust what was stored with it
