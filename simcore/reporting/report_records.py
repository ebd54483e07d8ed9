"""What a report says of where its numbers come from: cost, provenance, and the commands that make them again."""

from simcore import design, provenance, scenario
from simcore.errors import command
from simcore.meanwhile import settled
from simcore.registry import plugins
from simcore.reporting import markup
from simcore.store import FOLDERS, RECORD, SCENARIO
from simcore.wording import counted


def replications(table):
    """The fewest and the most of a cell of a summary; 0 where nothing is random."""
    if plugins("problems")[table["problem"].iloc[0]].exact:
        return 0, 0
    done = table["n_ok"] + table["n_failed"]
    return int(done.min()), int(done.max())


@settled(FileNotFoundError)
def cost(run, table):
    """What the run took, as far as that is known without a clock."""
    folder, study = run.folder, run.study
    pairs = [("cells", f"{len(design.cells(study)):,}")]
    if plugins("problems")[study.problem].exact:
        return markup.definitions([*pairs, ("replications", "none: nothing is random")])
    present, (fewest, most) = folder.present(), replications(table)
    total = sum(count for own in present.values() for _, count in own)
    kinds = FOLDERS if study.keep else FOLDERS[:1]
    names = {(kind, found[kind]) for own in present.values() for found in own.values() for kind in kinds}
    size = sum((folder.path / kind / name).stat().st_size for kind, name in names)
    blocks = sum(map(len, present.values()))
    files = counted(len(names), "file")
    return markup.definitions(
        [
            *pairs,
            ("replications of a cell", f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"),
            ("replications", f"{total:,}"),
            ("fits", f"{total * len(study.estimators):,}"),
            ("blocks", f"{blocks:,} in {files}, {size:,} bytes"),
        ]
    )


def provenance_of(run):
    """What the numbers depend on, and the scenario as it was given."""
    folder, study = run.folder, run.study
    record, _ = provenance.read(folder.path / RECORD)
    pairs = [("study", study.name), ("problem", study.problem)]
    pairs += [] if plugins("problems")[study.problem].exact else [("seed", str(study.seed))]
    pairs += [
        ("scenario, SHA-256 of its content", study.digest()),
        ("code, SHA-256", folder.origin["code"]),
        ("this page is by", "the same code" if folder.of_this_code else "another version of the code"),
        ("random streams", f"version {folder.origin['stream_version']}"),
        ("arithmetic", folder.origin["numerics"]),
        ("versions", ", ".join(f"{name} {version}" for name, version in record["versions"].items())),
        *((f"read by {label}", text) for label, text in folder.origin.get("inputs", {}).items()),
    ]
    return markup.definitions(pairs) + markup.heading("The scenario") + markup.verbatim(study.text, "The scenario file")


def commands(run):
    """How to make the run again, and what else to ask of it."""
    study, path = run.study, named(run.path)
    out, as_given = path.rpartition("/")[0], scenario.parse(study.text, SCENARIO)
    changed = []
    for option in ("replications", "seed"):
        if getattr(study, option) != getattr(as_given, option):
            changed += [f"--{option}", getattr(study, option)]
    lines = [command("run", f"{path}/{SCENARIO}", "--out", out, *changed)]
    lines += [command(word, path) for word in ("verify", "report", "show", "plot")]
    if not plugins("problems")[study.problem].exact:
        lines += [command("compare", path), command("replay", path, "--cell", 0, "--replication", 0)]
    where = (
        f"In the folder that holds {out}. The first command computes what is not stored, here nothing; elsewhere it "
        "computes all of it, and the bits are the same."
    )
    return markup.paragraph(where) + markup.verbatim("\n".join(lines) + "\n", "Commands")


def named(path):
    """A run directory as seen from the folder that holds its folder: the same wherever the command was typed."""
    path = path.absolute()
    return f"{path.parent.name or '.'}/{path.name}"
