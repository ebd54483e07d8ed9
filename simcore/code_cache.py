"""Compiled kernels on disk: sealed files, checked before the compiler sees any of them. Knows nothing of Numba.

Numba rewrites its index without a lock and trusts what it reads: where processes share its folder, entries point at
each other's code, and a damaged bit gives wrong numbers in silence. So it works in a folder of this process alone, with
a folder in it for each function. What it leaves there is sealed: one file for a function, with the SHA-256 of its
content, never changed but replaced whole. Index and code can only come back together, as they were written.
"""

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from pathlib import Path

_FIRST_LINE = b"simcore kernel 1\n"
_HEAD = len(_FIRST_LINE) + hashlib.sha256().digest_size
_LARGEST = 1 << 26  # bytes of a sealed file; those of all kernels together are fewer
_UNFINISHED = ".unfinished-"
_UNUSED = 30 * 86_400  # seconds after which the kernels of another version of the code may go


class CodeCache:
    """Sealed files in a folder named by `digest`, which must tell all that decides the machine code."""

    def __init__(self, digest):
        self.digest, self.folder, self._complained = digest, None, False
        self._work, self._held, self._used = None, None, None
        try:
            self.folder = base() / "simcore" / digest
        except (OSError, RuntimeError) as error:
            self._complain(error)
        atexit.register(self._leave)
        os.register_at_fork(after_in_child=self._forget)

    def unseal(self, function):
        """The folder of this process for the compiler's files of `function`, with those sealed if they are sound.

        Raises OSError where it cannot be made; then `give_up`.
        """
        folder = self._work_folder() / _name(function)
        if not folder.is_dir():
            files = self._sound_files(function)
            folder.mkdir(mode=0o700)
            for name, content in files.items():
                (folder / name).parent.mkdir(exist_ok=True, parents=True)
                (folder / name).write_bytes(content)
        return folder

    def seal(self, function):
        """Keep what the compiler has written for `function`; says once, and raises nothing, where that fails."""
        if self.folder is None:
            return
        try:
            folder = self._work_folder() / _name(function)
            paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
            if not files:
                return
            sizes = json.dumps({name: len(content) for name, content in files.items()}).encode()
            content = b"\n".join((self._title(function), sizes, b"".join(files.values())))
            is_new = not self.folder.is_dir()
            _make_private(self.folder)
            self._use()
            if is_new:
                _remove_unused(self.folder)
            _put(self.folder / _name(function), _FIRST_LINE + hashlib.sha256(content).digest() + content)
        except OSError as error:
            self._complain(error)

    def give_up(self, function, error):
        """Drop what the compiler has written for `function`, which may be half of it, and say once why."""
        if self._work is not None:
            shutil.rmtree(self._work / _name(function), ignore_errors=True)
        self._complain(error)

    def counted(self):
        """How many sealed files are sound, and how many are not. Raises OSError where they cannot be read."""
        sound = damaged = 0
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if not path.name.startswith(_UNFINISHED):
                    sealed = _own_bytes(path)
                    whole = sealed[:_HEAD] == _FIRST_LINE + hashlib.sha256(sealed[_HEAD:]).digest()
                    sound, damaged = sound + whole, damaged + (not whole)
        return sound, damaged

    def _sound_files(self, function):
        """Name -> content of the files that were sealed for a function; none if there is any doubt about them."""
        if self.folder is None:
            return {}
        try:
            sealed = _own_bytes(self.folder / _name(function))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            self._complain(error)
            return {}
        head, content = sealed[:_HEAD], sealed[_HEAD:]
        if head != _FIRST_LINE + hashlib.sha256(content).digest():
            self._complain(f"{self.folder / _name(function)} was damaged")
            return {}
        title, sizes, rest = content.split(b"\n", 2)
        if title != self._title(function):
            self._complain(f"{self.folder / _name(function)} holds another kernel")
            return {}
        files, end = {}, 0
        for name, size in json.loads(sizes).items():
            files[name], end = rest[end : end + size], end + size
        return files

    def _title(self, function):
        return json.dumps([self.digest, *_identity(function)]).encode()

    def _work_folder(self):
        if self._work is None:
            prefix = f"simcore-{os.uname().nodename}-"  # a lock may be unknown to other machines
            _sweep(tempfile.gettempdir(), prefix)
            if self.folder is not None:
                _sweep(self.folder, _UNFINISHED)
                self._use()
            self._work = Path(tempfile.mkdtemp(prefix=prefix))
            self._held = os.open(self._work, os.O_RDONLY)
            _hold(self._held)
        return self._work

    def _use(self):
        """Show others that the kernels in the folder are in use, by a lock, and when they were: by its time."""
        if self._used is None:
            with contextlib.suppress(OSError):
                self._used = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                _hold(self._used, fcntl.LOCK_SH | fcntl.LOCK_NB)
                os.utime(self._used)

    def _leave(self):
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)
            self._forget()

    def _forget(self):
        """Leave the work folder to the process it belongs to: a child after a fork makes its own."""
        for descriptor in (self._held, self._used):
            if descriptor is not None:
                os.close(descriptor)
        self._work, self._held, self._used = None, None, None

    def _complain(self, trouble):
        if not self._complained:
            print(f"simcore: compiling without the cache of kernels, or a part of it ({trouble})", file=sys.stderr)
        self._complained = True


def _identity(function):
    return function.__code__.co_filename, function.__qualname__


def _name(function):
    """A file name for a function: its own, as far as it's short, and a digest that also knows its source file."""
    digest = hashlib.sha256("\n".join(_identity(function)).encode()).hexdigest()
    return f"{function.__qualname__[:80]}-{digest[:24]}"


def base():
    """Where the user wants caches. Raises OSError or RuntimeError without a home."""
    base = os.environ.get("SIMCORE_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base).absolute()
    home = Path.home()
    if not home.is_dir():
        raise FileNotFoundError(f"no home folder {home}: set SIMCORE_CACHE_DIR")
    return home / ".cache"


def _make_private(folder):
    """Make a folder that is ours alone. Raises OSError where it is not."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = folder.stat()
    if facts.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
    if stat.S_IMODE(facts.st_mode) != 0o700:
        folder.chmod(0o700)


def _own_bytes(path):
    """The content of a plain file of ours, which is not opened if it would block. Raises OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with open(path, "rb", opener=lambda path, _: os.open(path, flags)) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            raise PermissionError(f"{path} is no file of ours")
        return file.read(_LARGEST)


def _put(path, content):
    """Write a file under its name at once: whoever opens it finds all of it, or the one before. Raises OSError."""
    descriptor, unfinished = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            _hold(descriptor)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            os.replace(unfinished, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished)


def _hold(descriptor, how=fcntl.LOCK_EX):
    """Show others that this process lives and needs what is open; not every file system has locks."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, how)


def _sweep(folder, prefix):
    """Remove what killed processes have left in a folder under names that begin so: what nobody holds."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for path in [entry.path for entry in entries if entry.name.startswith(prefix)]:
            with contextlib.suppress(OSError):
                _remove_unheld(path)


def _remove_unused(folder):
    """Remove the folders beside a new one that are of other versions of the code, that no process is known to use, and
    that none has used for long. A clock that jumps costs no more than a compilation."""
    latest = folder.stat().st_mtime - _UNUSED
    for other in folder.parent.iterdir():
        with contextlib.suppress(OSError):
            if other != folder and re.fullmatch("[0-9a-f]{24}", other.name) and other.lstat().st_mtime < latest:
                _remove_unheld(other)


def _remove_unheld(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid():
            return
        is_folder = stat.S_ISDIR(facts.st_mode)
        if not (os.listdir(descriptor) if is_folder else facts.st_size):
            return  # not yet held by the process that just made it
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_folder:
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(descriptor)
