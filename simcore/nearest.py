"""Run directories and scenario files near a path that is none, for messages: did you mean ...?"""

import contextlib
import difflib
import itertools
from pathlib import Path

_MOST_LOOKED_AT = 2000  # names of a folder
_USUAL = {"run": Path("results"), "scenario": Path("scenarios")}


def run_directory(path):
    """`did you mean results/quickstart?`, or nothing where no run directory has a name like that."""
    path = Path(path)
    name = path.stem if path.suffix == ".toml" else path.name
    return _asked(name, path, "run", lambda found: (found / "run.json").is_file())


def scenario_file(path):
    """`did you mean scenarios/quickstart.toml?`, or nothing where no such file has a name like that."""
    path = Path(path)
    name = path.name if path.suffix == ".toml" else f"{path.name}.toml"
    return _asked(name, path, "scenario", lambda found: found.suffix == ".toml" and found.is_file())


def _asked(name, path, kind, fits):
    folders = dict.fromkeys([path.parent, Path(), _USUAL[kind]])
    named = {}
    for folder in folders:
        with contextlib.suppress(OSError, ValueError):  # no folder, or no path at all
            for found in itertools.islice(folder.iterdir(), _MOST_LOOKED_AT):
                if found.name.isprintable() and fits(found):
                    named.setdefault(found.name, found)
    near = difflib.get_close_matches(name, named, n=1)
    return f"did you mean {named[near[0]]}?" if near else ""
