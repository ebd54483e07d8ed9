"""What this process may use of memory, of addresses and of a disk, whatever sets the limit."""

import math
import os
import resource
from pathlib import Path


def memory():
    """Bytes of memory that this process may use, and what says so."""
    return min(_limits())


def addresses():
    """Bytes of addresses that this process may map in all; infinity where nothing limits them."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def mapped():
    """Bytes of addresses that this process maps now: its libraries and stacks too, whatever of them is in memory."""
    found = Path("/proc/self/statm")
    return int(found.read_text().split()[0]) * resource.getpagesize() if found.is_file() else 0


def free(path):
    """Free bytes of the file system that holds a path, or will."""
    path = Path(path).absolute()
    while not path.exists():
        path = path.parent
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _limits():
    """(bytes, what says so) of all that limits the memory of this process."""
    yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "this machine has"
    for path in control_group_files("memory", "memory.max", "memory.limit_in_bytes"):
        text = path.read_text().strip() if path.is_file() else "max"
        if text.isdecimal():
            yield int(text), "the control group allows"


def control_group_files(controller, new, old, root=Path("/sys/fs/cgroup"), own=Path("/proc/self/cgroup")):
    """Files by which control groups may limit this process, of its group and of all above it, there or not.

    controller: memory, say. new, old: the file's name in version 2 and in version 1 of control groups.
    """
    for line in own.read_text().splitlines() if own.is_file() else ():
        number, controllers, path = line.split(":", 2)
        top, name = (root, new) if number == "0" else (root / controller, old)
        if number == "0" or controller in controllers.split(","):
            group = top / path.strip("/")
            yield from (folder / name for folder in (group, *group.parents) if folder.is_relative_to(top))
