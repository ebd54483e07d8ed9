"""Numbers in words, for messages and tables."""


def counted(count, one, several=None):
    """How many there are: counted(1, "block is", "blocks are"); several: the plural, if an s at its end is not
    enough."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def listed(numbers):
    """Sorted numbers as Slurm writes those of an array: 3,17-19."""
    ranges = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)


def cannot_have(precision, cells):
    """Lines on estimators that cannot have the precision that a study asks for; cells: label -> where, by number."""
    for label, numbers in cells.items():
        where = f"cell{'s' * (len(numbers) > 1)} {listed(numbers)}"
        yield f"{label} cannot have it in {where}: its {precision.measure} has no Monte Carlo error there"
