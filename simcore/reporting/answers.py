"""What a finished run has found, in three sentences: for the page of a report, and for the end of a table.

Use `Answer.of`.
"""

from dataclasses import dataclass

from simcore.registry import plugins
from simcore.reporting import criteria, report_records, sentences, verdicts


@dataclass(frozen=True)
class Answer:
    """A run, its summary `table`, and the `verdicts.Verdict` on it."""

    run: object
    table: object
    verdict: object

    @classmethod
    def of(cls, run):
        """The Answer of a Run. Raises IncompleteError, DamagedError, UsageError."""
        table, compared = run.summary(), {}
        if plugins("problems")[run.study.problem].exact is None:
            compared = {own.measure: run.comparisons(own.measure) for own in criteria.criteria(table)}
        return cls(run, table, verdicts.decide(table, compared))

    @property
    def sentences(self):
        """Three."""
        return sentences.told(self.verdict, report_records.replications(self.table))

    @property
    def notes(self):
        """What must be known to read the sentences aright: a list of more sentences."""
        return sentences.notes(self.verdict, self.table)
