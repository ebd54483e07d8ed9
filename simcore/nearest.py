"""Run directories and scenario files near a path that is none, for messages: did you mean ...?"""

import contextlib
import difflib
import itertools
import os
from pathlib import Path

_MOST_LOOKED_AT = 2000  # names of a folder
_USUAL = {"run": Path("results"), "scenario": Path("scenarios")}


def run_directory(path):
    """`did you mean results/quickstart?`, or nothing where no run directory has a name like that."""
    return _asked(path, "run", lambda found: (found / "run.json").is_file())


def scenario_file(path):
    """`did you mean scenarios/quickstart.toml?`, or nothing where no such file has a name like that."""
    return _asked(path, "scenario", lambda found: found.suffix == ".toml" and found.is_file())


def _asked(path, kind, fits):
    if not isinstance(path, str | os.PathLike):
        return ""
    path, named = Path(path), {}
    for folder in dict.fromkeys([path.parent, Path(), _USUAL[kind]]):
        with contextlib.suppress(OSError, ValueError):  # no folder, or no path at all
            for found in itertools.islice(folder.iterdir(), _MOST_LOOKED_AT):
                if found.name.isprintable() and fits(found):
                    named.setdefault(found.name.removesuffix(".toml"), found)
    near = difflib.get_close_matches(path.name.removesuffix(".toml"), named, n=1)
    return f"did you mean {named[near[0]]}?" if near else ""
