"""Reading the documents of the repository: their code blocks, and the commands in their sentences."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMES = ["README.md", "CONTRIBUTING.md", *(f"{folder}/README.md" for folder in ("scenarios", "results", "scripts"))]
NAMES += [f"{folder}/README.md" for folder in ("tests", "notebooks")]

SCENARIOS = sorted(ROOT.glob("scenarios/*.toml"))
PLAIN_SCENARIOS = [path for path in SCENARIOS if not path.with_suffix(".py").exists()]  # that need no plugin


@dataclass(frozen=True)
class Block:
    """line: where its first line stands in the document. language: "shell" of what is indented."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.document}:{self.line}"


def blocks(document, text):
    """All code blocks of a document, in order."""
    found, own, language, before = [], [], None, ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        fence = re.match(r"```(\w*)", line)
        if fence and language is None:
            language, own = fence[1], []
        elif fence:
            found.append(Block(document, number - len(own), language, "\n".join(own) + "\n"))
            language, own = None, []
        elif language is not None:
            own.append(line)
        elif line.startswith("    ") and (own or not before.strip()):
            own.append(line[4:])
        elif own and line.strip():
            own = _indented(found, document, number - 1, own)
        elif own:
            own.append("")
        before = line
    assert language is None, f"{document}: a fence is not closed"
    if own:
        _indented(found, document, number, own)
    return found


def _indented(found, document, last, own):
    while own and not own[-1]:
        own.pop()
        last -= 1
    found.append(Block(document, last - len(own) + 1, "shell", "\n".join(own) + "\n"))
    return []


def spoken(text):
    """What stands between backticks in the sentences and tables of a document: pairs of a line number and words."""
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        inside ^= line.startswith("```")
        if not inside and not line.startswith(("    ", "```")):
            yield from ((number, found) for found in re.findall(r"`([^`]+)`", line))


@dataclass(frozen=True)
class Command:
    """A command of a line of shell: its words, and the file that its output goes to, if any."""

    words: list
    output: str | None = None


def commands(line):
    """The commands of a line of shell, in the order in which they run: first those in $( )."""
    for inner in re.findall(r"\$\(([^)]*)\)", line):
        yield Command(shlex.split(inner))
    outer = re.sub(r"\$\([^)]*\)", "inner", line)
    words = shlex.split(outer, comments=True)
    while words:
        end = words.index("&&") if "&&" in words else len(words)
        own, words = words[:end], words[end + 1 :]
        output = own[own.index(">") + 1] if ">" in own else None
        yield Command(own[: own.index(">")] if output else own, output)
