"""How compiled kernels run the networks of `order`: rows loaded once, compared in registers, stored once."""

from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import signature
from numba.extending import type_callable

from simcore import order
from simcore.lanes_llvm import f64, is_rows, lane_maximum, lane_minimum, row_pointer


def _register(network, size, pairs):
    @type_callable(network)
    def typing(_context):
        def typer(rows, start, step):
            if is_rows(rows, types.float64):
                return signature(types.void, rows, types.intp, types.intp)
            return None

        return typer

    @lower_builtin(network, types.Array, types.Integer, types.Integer)
    def lower(context, builder, sig, args):
        rows, start, step = args
        pointers, values = [], []
        for k in range(size):
            row = builder.add(start, builder.mul(step, ir.Constant(start.type, k)))
            pointers.append(row_pointer(context, builder, sig.args[0], rows, types.intp, row, f64.vector))
            values.append(builder.load(pointers[-1], align=8))
        for low, high in pairs:
            a, b = values[low], values[high]
            values[low], values[high] = lane_minimum(builder, a, b), lane_maximum(builder, a, b)
        for pointer, value in zip(pointers, values, strict=True):
            builder.store(value, pointer, align=8)
        return context.get_dummy_value()


for _network, _size, _pairs in order.NETWORKS:
    _register(_network, _size, _pairs)
