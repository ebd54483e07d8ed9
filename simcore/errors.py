"""What can go wrong, each with the exit code the command line gives it; and commands for people to type."""

import contextlib
import shlex


class SimcoreError(Exception):
    """A failure with a message for the user; no traceback is shown."""

    exit_code = 1


class UsageError(SimcoreError):
    """An argument or input that cannot be meant."""

    exit_code = 2


@contextlib.contextmanager
def writing_to(path):
    """Within, that a place which somebody has chosen cannot be written to is a UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from error


class ScenarioError(UsageError):
    """Every mistake of a scenario, found in one pass; `problems` holds one line for each."""

    def __init__(self, problems):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class IncompleteError(SimcoreError):
    """Work is missing that a later run can do."""

    exit_code = 3


class DamagedError(SimcoreError):
    """Stored data is damaged or belongs to something else."""

    exit_code = 4


class Stopped(SimcoreError):
    """A signal asked to stop; finished blocks are kept."""

    exit_code = 75

    def __init__(self):
        super().__init__("stopped by a signal; finished blocks are kept, the same command goes on from there")


always = []  # words that each command needs, such as those that name plugins


def command(*words):
    """A command of simcore that can be copied to a shell, whatever is in the names."""
    return shlex.join(["simcore", *map(str, words), *always])
