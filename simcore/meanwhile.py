"""What other processes do to a run while this one reads or writes it, and trying again."""

import contextlib
import functools

from simcore.errors import DamagedError, IncompleteError, SimcoreError

PATIENCE = 20  # attempts: each one fails only where another process does something at that moment


class Vanished(SimcoreError):
    """A file that was listed is gone: another process has put others in its place, unless it is lost."""

    exit_code = DamagedError.exit_code


class Changed(IncompleteError):
    """Another process has made something else of the run."""


def settled(*causes):
    """Call the function again, with the same arguments, where it ends for one of these causes."""

    def decorate(work):
        @functools.wraps(work)
        def again(*arguments, **options):
            for _ in range(PATIENCE):
                with contextlib.suppress(*causes):
                    return work(*arguments, **options)
            return work(*arguments, **options)

        return again

    return decorate
