"""Words for counts, names and numbers in sentences."""

import math

_MOST_NAMED = 3  # in a sentence; the rest is counted


def unit(cases, count=1):
    noun = "case" if len({case.parameter for case in cases}) > 1 else "condition"
    return noun + "s" * (count != 1)


def of_all(count, cases):
    """So many conditions, which are cells, or, where there are several parameters, cases."""
    noun = unit(cases, count)
    return f"{count:,} {noun}" + " (a parameter in a condition)" * noun.startswith("case")


def in_so_many(count, cases):
    """How many of some cases, one or more: "in the only condition", "in all 9 conditions", "in 4 of 9 conditions"."""
    if len(cases) == 1:
        return f"in the only {unit(cases)}"
    every = of_all(len(cases), cases)
    return f"in all {every}" if count == len(cases) else f"in {count:,} of {every}"


def counted(count, noun, several=None):
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def listed(names, last="and"):
    *most, final = names
    return f"{', '.join(most)} {last} {final}" if most else final


def together(names):
    """Names of equals: "l2 and l1, which are equal,"; of one alone, its name."""
    return listed(names) + {1: "", 2: ", which are equal,"}.get(len(names), ", all equal,")


def joined(clauses):
    """One sentence of some clauses."""
    text = "; ".join(clauses)
    return text[0].upper() + text[1:] + "."


def span(values):
    texts = ["without bound" if math.isinf(value) else f"{value:.3g}" for value in (min(values), max(values))]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def between(low, high, least):
    """What is between two bounds, of which nothing is below `least`: "1.2 to 1.3", "at most 1.3", "at least 1.2"."""
    if math.isinf(high):
        return f"at least {rounded(low, 0.01 * low, math.floor)}"
    if low <= least:
        return f"at most {rounded(high, 0.1 * (high - least), math.ceil)}"
    texts = [rounded(own, high - low, how) for own, how in ((low, math.floor), (high, math.ceil))]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def rounded(number, width, how):
    """A number, rounded down or up by `how` to the first digit of a width; of nothing, to six digits."""
    if not width > 1e-9 * abs(number):
        return f"{number:.6g}"
    if abs(number) >= 1e6:
        unit = 10.0 ** (math.floor(math.log10(abs(number))) - 2)
        return f"{how(number / unit) * unit:.3g}"
    places = max(0, -math.floor(math.log10(width)))
    return f"{how(number * 10**places) / 10**places:.{places}f}"


def percent(share, how=None):
    """how: math.floor or math.ceil, of a bound."""
    if how:
        return f"{rounded(100 * share, 10 * share, how)} %"
    if share > 0.995:
        return "over 99 %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def named(names, times=True):
    """The most frequent of some names, a Counter, each with how often."""
    counts = dict(names.most_common())
    return listed(some_of([f"{name} in {count:,}" if times else name for name, count in counts.items()]))


def some_of(names):
    """The first of some names, and how many others there are."""
    some = list(few(dict.fromkeys(names)))
    return some + [f"{len(names) - len(some)} others"] * (len(some) < len(names))


def few(found):
    """The first entries of a dict; all where only one would be left out."""
    return found if len(found) <= _MOST_NAMED + 1 else dict(list(found.items())[:_MOST_NAMED])


def ranges(numbers):
    """Sorted numbers as Slurm writes those of an array: 3,17-19."""
    found = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in found)


def cannot_have(precision, cells):
    """Lines on estimators that cannot have the precision that a study asks for; cells: label -> where, by number."""
    for label, numbers in cells.items():
        where = f"cell{'s' * (len(numbers) > 1)} {ranges(numbers)}"
        yield f"{label} cannot have it in {where}: its {precision.measure} has no Monte Carlo error there"
