"""What the numbers of a run depend on: its record `run.json`, the stamp in each of its files, and what sets two studies
apart."""

import dataclasses
import json
import platform
from importlib import metadata

from simcore import design, files, jit, own, scenario
from simcore.errors import DamagedError, SimcoreError, command
from simcore.streams import STREAM_VERSION

FORMAT = 5
NUMERICS = "binary64, each operation rounded once, no fastmath, own elementary functions"
ORIGIN = ("format", "code", "stream_version", "numerics", "seed", "inputs")
_LIBRARIES = ("numpy", "numba", "llvmlite", "pandas", "pyarrow")
_LISTS = ("n", "errors", "contamination", "design", "estimators")  # that `extend` may make longer


def origin(study):
    """What all numbers of a study depend on beside the scenario's content, as values for JSON."""
    own = {"format": FORMAT, "code": jit.source_digest(), "stream_version": STREAM_VERSION, "numerics": NUMERICS}
    return own | {"seed": study.seed} | inputs(study)


def inputs(study):
    """What errors and designs read beside the scenario, by label, and plugins of the user's own, by the name of their
    file, as an entry of `origin` if there is any: name -> SHA-256. Raises UsageError."""
    named = ((choice, choice.fingerprint) for choice in (*study.errors, *study.design))
    found = {choice.label: fingerprint for choice, fingerprint in named if fingerprint} | own.inputs(study)
    return {"inputs": found} if found else {}


def stamps(study, origin):
    """What the sums of a block depend on beside its cell and replications, and what kept estimates do, which carry
    numbers of cells and labels: folder -> bytes."""
    content = study.content()
    methods = {key: value for key, value in content.items() if key not in (*_LISTS, "settings")}
    whole = origin | {"methods": _digest(methods | {"estimators": content["estimators"]})}
    order = [cell.key for cell in design.cells(study)], [choice.label for choice in study.estimators]
    return {"blocks": _canonical(whole), "estimates": _canonical(whole | {"order": _digest(order)})}


def record(study, origin, earlier):
    """The entries of run.json. earlier: folder -> series of files that an extension has left behind."""
    versions = {"python": platform.python_version()} | {name: metadata.version(name) for name in _LIBRARIES}
    used = {source.name: source.digest for source in own.needed(study)}
    return {name: origin[name] for name in ORIGIN if name in origin} | {
        "digest": study.digest(),
        "name": study.name,
        "title": study.title,
        "replications": study.replications,
        "precision": study.precision and dataclasses.asdict(study.precision),
        "scenario": study.content(),
        "text": study.text,
        "earlier": {folder: sorted(series) for folder, series in earlier.items()},
        "versions": versions,
        "plugins": used,
    }


def rendered(record):
    """The bytes of run.json: the entries, and last the SHA-256 of all before."""
    text = json.dumps(record | {"sha256": _digest(record)}, indent=2, ensure_ascii=False)
    return text.encode(errors="surrogatepass") + b"\n"


class Foreign(DamagedError):
    """A record that this version of simcore cannot read."""


def read(path):
    """The entries of a run.json, and its bytes. Raises DamagedError where it is not as it was written, Foreign where
    another version of simcore has written it."""
    try:
        data = files.read(path)
        found = json.loads(data)
        own = {key: value for key, value in found.items() if key != "sha256"}
        whole = rendered(own) == data
        if found.get("format") != FORMAT and (whole or "sha256" not in found):
            raise Foreign(f"{path}: belongs to another version of simcore; use that one, or choose another --out")
        if not whole:
            raise ValueError("it is not as it was written")
        return own, data
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise DamagedError(f"{path}: damaged ({why}); {command('repair', path.parent)} restores it") from error


def study_of(record, path):
    """The study of a record. Raises DamagedError, UsageError where plugins it needs are not in use."""
    own.refuse_lacking(record["plugins"], path.parent)
    try:
        study = scenario.parse(record["text"], str(path)).with_changes(record["replications"], record["seed"])
    except SimcoreError as error:
        raise DamagedError(f"{path}: cannot be read by this version of simcore\n{error}") from error
    if study.digest() != record["digest"]:
        raise DamagedError(f"{path}: means something else to this version of simcore; use the version it was made with")
    return study


def differences(there, here, origins):
    """What sets two studies apart in what decides numbers: lines of text, and whether the second only adds to the
    first. origins: what `origin` says of each.
    """
    theirs, ours = ({**_axes(study), **_inputs(own)} for study, own in zip((there, here), origins, strict=True))
    lines, adds = [], True
    for name in dict.fromkeys([*theirs, *ours]):
        lost, new = (_beyond(one.get(name, {}), other.get(name, {})) for one, other in ((theirs, ours), (ours, theirs)))
        if lost or new:
            parts = [f"there also {', '.join(lost)}"] * bool(lost) + [f"here also {', '.join(new)}"] * bool(new)
            lines.append(f"{name}: {'; '.join(parts)}")
            adds = adds and not lost
    single = [_single(study, own) for study, own in zip((there, here), origins, strict=True)]
    for name in dict.fromkeys([*single[0], *single[1]]):
        one, other = (values.get(name) for values in single)
        if one != other and not (name == "reference" and None in (one, other)):  # said only of many estimators
            lines.append(f"{name}: there {one}, here {other}")
            adds = False
    return lines, adds


def _axes(study):
    """What `extend` may add to: name -> canonical text of each value -> the value as people know it."""
    lists = {name: getattr(study, name) for name in _LISTS} | dict(study.settings)
    return {name: {_canonical(_content(value)): str(value) for value in values} for name, values in lists.items()}


def _inputs(origin):
    return {"inputs": {_canonical(pair): f"{pair[0]} {pair[1][:12]}" for pair in origin.get("inputs", {}).items()}}


def _single(study, origin):
    content = {key: value for key, value in study.content().items() if key not in (*_LISTS, "settings")}
    return {key: value for key, value in origin.items() if key != "inputs"} | content | {"estimand": study.estimand}


def _beyond(one, other):
    return [shown for key, shown in one.items() if key not in other]


def _content(value):
    return value.content() if hasattr(value, "content") else value


def _canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(value):
    return files.sha256(_canonical(value))
