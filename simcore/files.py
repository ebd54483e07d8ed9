"""The door to the disk for what a run stores: whole files, each visible complete and synced, or not at all.

A file is written in another folder, synced, and then given its name: by `put` only if there is none of that name yet
(of two writers one wins), by `replace` in the place of an older one. Every call of the system goes through `system`, so
that tests can stop a process, or make the disk fail, at each of them in turn.
"""

import contextlib
import errno
import hashlib
import itertools
import math
import os
import stat
import uuid
from pathlib import Path

system = os  # the calls of the operating system
_PATIENCE = 100  # a temporary file may be cleared away by each other process that finishes
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Unfit(OSError):
    """No regular file, or one that is too long: `strerror` says which."""


def put(path, data, temporary):
    """Make a file of these bytes, in a folder that exists, unless one has the name: whether it was made.

    temporary: the folder, of the same file system, in which it is written. Raises OSError.
    """
    return _written(path, data, temporary, _link)


def replace(path, data, temporary):
    """Make a file of these bytes, or give them to the one that is there."""
    _written(path, data, temporary, lambda draft, path: system.replace(draft, path))


@contextlib.contextmanager
def replacing(path):
    """A binary file to write to, for what is too long for `replace`: it takes the place of the one that is there once
    it is whole, and is written beside it. Raises OSError."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(draft, "xb") as file:
            yield file
            file.flush()
            system.fsync(file.fileno())
        system.replace(draft, path)
    finally:
        with contextlib.suppress(OSError):
            _unlinked(draft)
    _sync(path.parent)


def move(path, folder):
    """Move a file to another folder: under its name, or that with a number where there is one of the name."""
    make_folder(folder)
    targets = (folder / (path.name + (f".{number}" if number else "")) for number in itertools.count())
    next(target for target in targets if _link(path, target))
    _sync(folder)
    _unlinked(path)
    _sync(path.parent)


def remove(*paths):
    """Remove files, those that are there."""
    for folder in dict.fromkeys(path.parent for path in paths if _unlinked(path)):
        _sync(folder)


def clear(folder):
    """Remove the files in a folder that writers left there when they were killed; one that still writes tries again."""
    for name in names(folder):
        with contextlib.suppress(IsADirectoryError):
            _unlinked(folder / name)


def make_folder(path):
    """Make a folder, and those above it, if they are not there."""
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        system.mkdir(path)
    except FileExistsError:
        if not path.is_dir():
            raise
    _sync(path.parent)


def names(folder):
    """The names in a folder, sorted; none where there is no folder."""
    try:
        return sorted(system.listdir(folder))
    except FileNotFoundError:
        return []


def read(path, most=math.inf):
    """The bytes of a regular file, no more than `most`; never waits for a pipe or a device. Raises OSError, Unfit where
    it is not such a file."""
    _check_fit(path, os.stat(path), most)  # a device does not take notice of that
    descriptor = system.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _check_fit(path, os.fstat(descriptor), most)
        parts, left = [], most
        while left >= 0 and (part := system.read(descriptor, min(1 << 24, left + 1))):
            parts.append(part)
            left -= len(part)
        if left < 0:
            raise _too_long(path, most)
        return b"".join(parts)
    finally:
        system.close(descriptor)


def _check_fit(path, facts, most):
    if not stat.S_ISREG(facts.st_mode):
        raise Unfit(errno.EINVAL, "not a regular file", str(path))
    if facts.st_size > most:
        raise _too_long(path, most)


def _too_long(path, most):
    return Unfit(errno.EFBIG, f"longer than {most} bytes", str(path))


def end(path, most):
    """The last bytes of a regular file, at most so many. Raises OSError."""
    descriptor = system.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        size = os.fstat(descriptor).st_size
        system.lseek(descriptor, max(0, size - most), os.SEEK_SET)
        return system.read(descriptor, min(size, most))
    finally:
        system.close(descriptor)


def sha256(data):
    """In hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _written(path, data, temporary, name):
    for left in reversed(range(_PATIENCE)):
        make_folder(temporary)
        draft = Path(temporary) / uuid.uuid4().hex
        try:
            _write(draft, data)
            made = name(draft, path)
        except FileNotFoundError:
            if not left:
                raise
            continue
        finally:
            _unlinked(draft)
        _sync(path.parent)
        return made


def _link(draft, path):
    try:
        system.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            return False
        system.replace(draft, path)  # nearly as good: blocks of one name have the same bytes
    return True


def _write(path, data):
    descriptor, view = system.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), memoryview(data)
    try:
        while view:
            view = view[system.write(descriptor, view) :]
        system.fsync(descriptor)
    finally:
        system.close(descriptor)


def _unlinked(path):
    """Whether there was a file to remove."""
    try:
        system.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _sync(folder):
    descriptor = system.open(folder, os.O_RDONLY)
    try:
        system.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot sync folders
            raise
    finally:
        system.close(descriptor)
