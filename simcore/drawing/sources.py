"""What figures are drawn from, and what a kind of figures is."""

from collections.abc import Callable
from dataclasses import dataclass

KINDS = ("curves", "lolly", "heatmap", "nested", "zip", "convergence", "distribution")


@dataclass(frozen=True)
class Source:
    """A summary table and what it is called; of a run also `results.Run`, for the sums of its cells."""

    table: object  # a pandas.DataFrame
    title: str
    run: object = None

    @property
    def reference(self):
        """The label of the estimator that efficiencies are relative to, as far as it is known."""
        return self.run.study.reference if self.run is not None else "the reference"


@dataclass(frozen=True)
class Kind:
    """A kind of figures, each in a file of `figures`, the verbs in this order.

    source: who has had the idea. lacking(source): why it cannot be drawn, or None. suits(source): whether it is drawn
    where no kind is asked for. pictures(source, measures, page): what each of its figures shows, with a `name`, without
    matplotlib; measures: by name, or None. figure(picture, page): the matplotlib Figure.
    """

    name: str
    meaning: str
    source: str
    lacking: Callable
    suits: Callable
    pictures: Callable
    figure: Callable
