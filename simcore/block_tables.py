"""The tables in block files: sums with histograms, a row for each node and target or pair; and kept estimates.

A target is a parameter of an estimator. Sums know it by what the estimator is, not by its label or place, so whatever
their order in a scenario the same sums are found.
"""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcore import codes, design, sums

_HISTOGRAM = ("bins", "bin_counts")
# Named as they come back from a file, so that a part of a table that was read has the bytes of one that was made.
_WHOLES, _REALS = (pa.list_(pa.field("element", kind)) for kind in (pa.int64(), pa.float64()))


def of_sums(study, result):
    """The table of the sums of a block, an `execute.BlockResult`; what does not apply in a row is null. Rows are in the
    order of their keys, so that scenarios which differ in order and labels alone write the same bytes."""
    keys, paired_keys = _keys(study), _paired_keys(study)
    nodes, whole = result.nodes, len(keys) + len(paired_keys)
    columns = [(*key, None) for key in keys] + paired_keys
    order = sorted(range(whole), key=lambda row: (row >= len(keys), json.dumps(columns[row])))
    first, names, second = (list(column) for column in zip(*columns, strict=True))
    rows = whole * len(nodes)
    columns = {
        "cell": pa.array([result.block.cell_key] * rows),
        "first": pa.array([result.block.first] * rows, pa.int64()),
        "count": pa.array([result.block.count] * rows, pa.int64()),
        "node_first": pa.array(np.repeat([node.first for node in nodes], whole)),
        "node_count": pa.array(np.repeat([node.count for node in nodes], whole)),
        "estimator": pa.array(first * len(nodes)),
        "other": pa.array(second * len(nodes), pa.string()),
        "parameter": pa.array(names * len(nodes)),
    }
    of_errors = np.tile(np.arange(whole) < len(keys), len(nodes))
    for layout, part, own in ((sums.ERRORS, "errors", of_errors), (sums.PAIRS, "pairs", ~of_errors)):
        values = np.zeros((rows, len(layout.columns)))
        values[own] = np.concatenate([getattr(node, part) for node in nodes])
        for k, name in enumerate(layout.columns):
            exact = values[:, k].astype(np.int64) if k < len(layout.counts) else values[:, k]
            columns[name] = pa.array(exact, mask=~own)
    histograms = [bins for node in nodes for bins in (*node.bins, *(None,) * len(paired_keys))]
    for k, name in enumerate(_HISTOGRAM):
        columns[name] = pa.array([bins and bins[k] for bins in histograms], _WHOLES)
    joint = [None] * rows  # with the first target of each estimator
    for at, node in enumerate(nodes):
        step = len(keys) // max(1, len(node.joint))
        for place, own in enumerate(node.joint):
            joint[at * whole + place * step] = own.ravel()
    columns["joint"] = pa.array(joint, _REALS)
    return pa.table(columns).take(pa.array([at * whole + row for at in range(len(nodes)) for row in order]))


def sums_in(study, block, table):
    """The nodes in such a table, their rows in the order of the study's targets. Raises KeyError or ValueError where it
    is not a table of this block."""
    for name, value in zip(("cell", "first", "count"), block.place, strict=True):
        table = table.filter(pc.equal(table[name], value))
    if not len(table):
        raise ValueError("it belongs to another block")
    nodes = list(_nodes(study, table))
    for node in nodes:
        if not np.all(node.errors[:, : len(codes.NAMES)].sum(axis=1) == node.count):
            raise ValueError("the counts do not add up")
    ends = [block.first, *(node.stop for node in nodes)]
    if [*(node.first for node in nodes), block.first + block.count] != ends:
        raise ValueError("its parts do not make up the block")
    return nodes


def of_estimates(study, result):
    """The table of the estimates of a block: a row for each target and replication, null where a fit failed."""
    block, count, names = result.block, len(result.estimates), design.parameters(study)
    place, parameter = np.array(design.targets(study), np.int32).T
    replication = np.arange(block.first, block.first + block.count)
    found = result.states.ravel() % codes.ITERATION
    good = found < codes.FIRST_FAILURE
    return pa.table(
        {
            "cell": pa.array(np.full(good.size, block.cell, np.int32)),
            "replication": pa.array(np.tile(replication, count)),
            "estimator": _coded(np.repeat(place, block.count), [choice.label for choice in study.estimators]),
            "parameter": _coded(np.repeat(parameter, block.count), names),
            "estimate": pa.array(result.estimates.ravel(), mask=~good),
            "state": _coded(found.astype(np.int32), codes.NAMES),
        }
    )


def estimates_in(study, block, table):
    """The estimates in such a table, float64 (targets, replications), NaN where a fit failed, and their states, uint32.
    Raises KeyError or ValueError where it is not a table of this block."""
    targets = len(design.targets(study))
    found, stop = table["replication"], block.first + block.count
    within = pc.and_(pc.greater_equal(found, block.first), pc.less(found, stop))
    table = table.filter(pc.and_(pc.equal(table["cell"], block.cell), within))
    replication = np.tile(np.arange(block.first, stop), targets)
    if not np.array_equal(table["replication"].to_numpy(), replication):
        raise ValueError("it belongs to another block")
    states = pc.index_in(table["state"].cast(pa.string()), pa.array(codes.NAMES)).to_numpy().astype(np.uint32)
    shape = targets, block.count
    return table["estimate"].to_numpy().reshape(shape), states.reshape(shape)


def disagreement(table, other):
    """Whether two tables of sums, of some of the same cells and estimators, differ in a row that both have."""
    places = [{key: row for row, key in enumerate(_row_keys(own))} for own in (table, other)]
    both = [key for key in places[0] if key in places[1]]
    rows, others = (
        own.drop_columns(["first", "count"]).take(pa.array([at[key] for key in both], pa.int64()))
        for own, at in zip((table, other), places, strict=True)
    )
    return not rows.equals(others) and repr(rows.to_pylist()) != repr(others.to_pylist())  # NaN is not equal to itself


def _row_keys(table):
    named = ("cell", "node_first", "node_count", "estimator", "other", "parameter")
    return zip(*(table[name].to_pylist() for name in named), strict=True)


def _nodes(study, table):
    keys, paired_keys = _keys(study), _paired_keys(study)
    place = {(*key, None): row for row, key in enumerate(keys)}
    place |= {pair: len(keys) + row for row, pair in enumerate(paired_keys)}
    table = table.sort_by("node_first")
    named = (table[name].to_pylist() for name in ("estimator", "parameter", "other"))
    rows = [place[key] for key in zip(*named, strict=True)]
    if sorted(rows) != sorted([*range(len(place))] * (len(rows) // len(place))):
        raise ValueError("not one row for each target and each pair")
    firsts, counts = table["node_first"].to_numpy(), table["node_count"].to_numpy()
    values = {
        layout: np.stack([table[name].to_numpy(zero_copy_only=False) for name in layout.columns], axis=1)
        for layout in (sums.ERRORS, sums.PAIRS)
    }
    histograms, joint = [table[name].combine_chunks() for name in _HISTOGRAM], table["joint"].combine_chunks()
    for begin in range(0, len(rows), len(place)):
        order = begin + np.argsort(rows[begin : begin + len(place)])
        own, paired = order[: len(keys)], order[len(keys) :]
        bins = tuple(tuple(part[int(row)].values.to_numpy() for part in histograms) for row in own)
        errors, pairs = values[sums.ERRORS][own].astype(float), values[sums.PAIRS][paired].astype(float)
        found = [joint[int(row)].values.to_numpy() for row in own if joint[int(row)].is_valid]
        shared = np.stack(found).reshape(len(found), -1, sums.GROUPS) if found else np.zeros((0, 0, sums.GROUPS))
        yield sums.Node(int(firsts[begin]), int(counts[begin]), errors, pairs, bins, shared)


def _keys(study):
    """(estimator, parameter) of each target."""
    keys, names = [choice.key for choice in study.estimators], design.parameters(study)
    return [(keys[place], names[parameter]) for place, parameter in design.targets(study)]


def _paired_keys(study):
    """(estimator, parameter, other estimator) of each pair of targets."""
    keys = _keys(study)
    return [(*keys[i], keys[j][0]) for i, j in design.target_pairs(study)]


def _coded(numbers, names):
    """A column of strings, held as numbers."""
    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(list(names)))
