"""The quantile function of a distribution as a table of polynomials, which draws read: one kernel for all tables.

A word of 64 random bits gives a region (lower or upper half; seen from the end, or from the median) and a uniform y
in (0, 1/4), right to the last bit down to 2^-65: a share beyond the place, or between the median and the place. Each
octave of y is cut into 2^j pieces, and where these do not serve, as around a kink, pieces into four, again and again.
"""

import numpy as np

from simcore.jit import lane
from simcore.lanes import bits, fma, from_bits, gather, minimum, splat, splat_u64
from simcore.quadrature import NODES

REGIONS = 4  # lower tail, lower half from the median, upper tail, upper half from the median
_OCTAVES, _LOWEST = 64, 958  # of y; the exponent of 2^-65 as float64 hold it
BELOW_QUARTER = 0.24999999999999997
_STEP = 2.3283064365386963e-10  # 2^-32
_DEGREE = 7
_COEFFICIENTS = _DEGREE + 1
_ROOTS = REGIONS * _OCTAVES
_MOST_CUTS, _FURTHER, _MOST_LEVELS = 4, 2, 16  # powers of two that octaves and pieces are cut into; depth
_MOST_BENT = 64  # pieces of a region that do not serve: more are no kinks, but noise
_GOOD = 2e-10  # relative error
_FURTHEST, _FARTHEST = 400, 1e150  # octaves of shares, and errors, that means look at
_LEAST = 2.710505431213761e-20  # 2^-65
_DIGITS = 37  # bits that are kept of a quantile, see `_rounded`
_ANGLES = (np.arange(_COEFFICIENTS) + 0.5) * (np.pi / _COEFFICIENTS)
_AT = -0.5 * np.cos(_ANGLES)
_TESTED = 0.5 * np.linspace(-1.0, 1.0, 2 * _COEFFICIENTS + 1)[1::2] * 0.98
_FIT = np.linalg.inv(np.vander(_AT, increasing=True)).tolist()


class Unfit(Exception):
    """A quantile function that no table holds; the message says why."""


@lane
def region_and_share(word):
    """Of 64 random bits: the region as uint64, and y."""
    rest = word & 0x3FFFFFFFFFFFFFFF
    high = from_bits((rest >> 32) | 0x4330000000000000) - 4503599627370496.0
    low = from_bits((rest & 0xFFFFFFFF) | 0x4330000000000000) - 4503599627370495.5
    y = fma(high, splat(_STEP), low * (_STEP * _STEP))
    return word >> 62, minimum(y, splat(BELOW_QUARTER))


@lane
def quantile(table, nodes, levels, region, y):
    """The quantile that belongs to y in (0, 1/4), at least 2^-65, of a region."""
    number = bits(y)
    node, rest = (region << 6) + ((number >> 52) - 958), number << 12
    for _ in range(levels):
        word = bits(gather(table, node))
        cut = word & 63
        node = (word >> 6) + ((rest >> 1) >> (splat_u64(63) - cut))
        rest = rest << cut
    s = from_bits((rest >> 12) | 0x3FF0000000000000) - 1.5
    first = (node << 3) + nodes
    square = s * s
    even, odd = gather(table, first + 6), gather(table, first + 7)
    for k in range(2, -1, -1):
        even = fma(even, square, gather(table, first + 2 * k))
        odd = fma(odd, square, gather(table, first + (2 * k + 1)))
    return fma(odd, s, even)


def build(of_region, symmetric):
    """(table, nodes, levels) as `quantile` reads them: float64, first a word for each node, then its coefficients.

    of_region(region, y): quantiles and what their errors are measured against, float64 (k,) each. symmetric: lower
    quantiles are the upper ones, negative. Raises Unfit.
    """
    tree = _Tree()
    for region in (2, 3) if symmetric else range(REGIONS):
        tree.grow(of_region, region)
    words, coefficients = tree.words, tree.coefficients
    if symmetric:
        shift, half = np.uint64((len(words) - _ROOTS) << 6), _ROOTS // 2
        words[:half] = words[half:_ROOTS] + shift
        words = np.concatenate((words, words[_ROOTS:] + shift))
        coefficients = np.concatenate((coefficients, -coefficients[_ROOTS:]))
    return np.concatenate((words.view(np.float64), coefficients.ravel())), len(words), tree.levels


class _Tree:
    """Nodes: first a root for each octave of each region, then pieces. The word of a node says where its parts begin,
    and the power of two that says how many there are; a piece with a polynomial is its own only part."""

    def __init__(self):
        self.words = np.zeros(_ROOTS, np.uint64)
        self.coefficients = np.zeros((_ROOTS, _COEFFICIENTS))
        self.levels = 1

    def grow(self, of_region, region):
        """The pieces of a region."""
        octaves = np.arange(_OCTAVES - 1)
        nodes, low = region * _OCTAVES + octaves, np.ldexp(1.0, octaves - 65)
        width, cuts = low, range(_MOST_CUTS + 1)
        for level in range(1, _MOST_LEVELS + 1):
            self.levels = max(self.levels, level)
            left = [self._add(*found) for found in _cut(of_region, region, nodes, low, width, cuts)]
            nodes, low, width = (np.concatenate(parts) for parts in zip(*left, strict=True))
            if not len(nodes):
                return
            if len(nodes) > _MOST_BENT:
                break
            cuts = (_FURTHER,)
        side, place = "above" if region > 1 else "below", "the median" if region % 2 else "the end"
        raise Unfit(f"its quantiles jump or bend too much at probability {low[0]:.3g} from {place}, {side} the median")

    def _add(self, nodes, cut, pieces, coefficients, good):
        """Cut nodes into pieces (starts, widths); those that are not good are left to be cut: nodes, starts, widths."""
        numbers = len(self.words) + np.arange(len(good))
        self.words[nodes] = _word(numbers[:: 1 << cut], cut)
        self.words = np.concatenate((self.words, _word(numbers, 0)))
        self.coefficients = np.concatenate((self.coefficients, coefficients))
        return numbers[~good], *(part[~good] for part in pieces)


def _word(first, cut):
    return (first.astype(np.uint64) << np.uint64(6)) | np.uint64(cut)


def _cut(of_region, region, nodes, low, width, cuts):
    """Cut nodes into as few pieces as serve, 2^cut: yields what `_Tree._add` takes, for each cut."""
    for cut in cuts:
        count = 1 << cut
        pieces = (low[:, None] + np.arange(count) / count * width[:, None]).ravel(), np.repeat(width / count, count)
        coefficients, good = _fitted(of_region, region, *pieces)
        serve = good.reshape(-1, count).all(axis=1) | (cut == cuts[-1])
        own = np.repeat(serve, count)
        yield nodes[serve], cut, [part[own] for part in pieces], coefficients[own], good[own]
        nodes, low, width = nodes[~serve], low[~serve], width[~serve]


def _fitted(of_region, region, low, width):
    """(coefficients, whether they serve) of pieces."""
    middle = (low + 0.5 * width)[:, None]
    nodes, tested = (middle + width[:, None] * at for at in (_AT, _TESTED))
    values, sizes = (part.reshape(nodes.shape) for part in of_region(region, nodes.ravel()))
    values = _rounded(values, sizes)
    coefficients = _added_products(values, _FIT)
    true, sizes = (part.reshape(tested.shape) for part in of_region(region, tested.ravel()))
    found = _added_products(coefficients, np.vander(_TESTED, _COEFFICIENTS, increasing=True).tolist())
    return coefficients, (np.abs(found - true) <= _GOOD * sizes).all(axis=1)


def _rounded(values, sizes):
    """Quantiles without their last bits, in which the libraries behind them differ between CPUs."""
    unit = np.ldexp(1.0, np.frexp(sizes)[1] - _DIGITS)
    return np.round(values / unit) * unit


def _added_products(values, matrix):
    """values (k, m) times matrix' (j, m): (k, j), added from left to right as no library promises."""
    columns = []
    for row in matrix:
        total = values[:, 0] * row[0]
        for k in range(1, len(row)):
            total = total + values[:, k] * row[k]
        columns.append(total)
    return np.stack(columns, axis=1)


def pieces(table, nodes, levels, tail_index):
    """(masses, members) of the pieces of a table in order, float64 (k,) and (k, 8): the share of each, and quantiles at
    `quadrature.NODES` of it. Where the tail has an index, both ends go on by powers to shares of 2^-400."""
    words, coefficients = table[:nodes].view(np.uint64), table[nodes:].reshape(-1, _COEFFICIENTS)
    powers = np.vander(0.5 * NODES, _COEFFICIENTS, increasing=True).tolist()
    found = []
    for region in (0, 1, 3, 2):
        low = np.ldexp(1.0, np.arange(_OCTAVES - 1) - 65)
        own = _leaves(words, region * _OCTAVES + np.arange(_OCTAVES - 1), low, low)
        own.sort(key=lambda piece: piece[0])
        numbers, widths = (np.array([piece[k] for piece in own]) for k in (2, 1))
        members = _added_products(coefficients[numbers], powers)
        if region % 2 == 0 and tail_index is not None and tail_index < np.inf:
            widths, members = _continued(widths, members)
        if region in (1, 2):  # from the median down, or from the upper end down
            widths, members = widths[::-1], members[::-1, ::-1]
        found.append((widths, members))
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def _leaves(words, nodes, low, width):
    """(start, width, number) of the pieces below nodes."""
    found = []
    for node, at, size in zip(nodes.tolist(), low.tolist(), width.tolist(), strict=True):
        first, cut = int(words[node]) >> 6, int(words[node]) & 63
        if first == node:
            found.append((at, size, node))
            continue
        count = 1 << cut
        parts = first + np.arange(count), at + np.arange(count) / count * size, np.full(count, size / count)
        found += _leaves(words, *parts)
    return found


def _continued(widths, members):
    """With octaves below 2^-65 put before, where quantiles go on as they do in the last two octaves."""
    count = int(np.searchsorted(np.cumsum(widths), _LEAST)) + 1  # pieces of the last octave
    if int(np.searchsorted(np.cumsum(widths), 3.0 * _LEAST)) + 1 != 2 * count:  # of the last two
        return widths, members
    grown = members[0, 0] / members[count, 0]
    with np.errstate(over="ignore"):
        factors = np.cumprod(np.full(_FURTHEST - 65, grown))[::-1]
        factors = factors[(factors > 1.0) & (factors * np.abs(members[0, 0]) < _FARTHEST)]
    shares = np.ldexp(widths[:count], -np.arange(len(factors), 0, -1)[:, None]).ravel()
    more = (factors[:, None, None] * members[:count]).reshape(-1, members.shape[1])
    return np.concatenate((shares, widths)), np.concatenate((more, members))
