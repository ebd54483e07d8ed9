"""Tables that draws read: too long for the numbers of a C function, which say where they stand in memory instead."""

_tables = {}


def table(name, make):
    """The float64 array that make() returns: made once for a name, and kept as long as the process, because nobody
    knows who still has its address. Not to be written to."""
    if name not in _tables:
        _tables.setdefault(name, make()).flags.writeable = False
    return _tables[name]


def place(array):
    """(address, count) of a table, as numbers for a C function: addresses are below 2^53."""
    return float(array.ctypes.data), float(len(array))
