"""How compiled kernels hold and compute lane values: each function of `lanes` as LLVM vector code.

Imported by the first compilation only. A lane value is an LLVM vector of `WIDTH` elements; LLVM splits it on CPUs
with narrower registers.
"""

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import signature
from numba.extending import models, register_model, type_callable
from numba.np import arrayobj

from simcore import lanes
from simcore.lanes import WIDTH


class _Lanes(types.Type):
    """Numba type of a lane value; `element` is the LLVM type of one lane."""

    def __init__(self, name, element):
        super().__init__(f"{name}x{WIDTH}")
        self.vector = ir.VectorType(element, WIDTH)


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, lanes_type):
        super().__init__(data_model_manager, lanes_type, lanes_type.vector)


I64 = ir.IntType(64)
f64 = _Lanes("f64", ir.DoubleType())
u64 = _Lanes("u64", I64)
mask = _Lanes("mask", ir.IntType(1))
_SCALARS = {f64: (types.Float, types.Integer), u64: (types.Integer,)}


def _constant(vector, value):
    return ir.Constant(vector, [value] * WIDTH)


def _splat(context, builder, value, from_type, lanes_type):
    scalar = types.float64 if lanes_type is f64 else types.uint64
    value = context.cast(builder, value, from_type, scalar)
    zero = ir.Constant(lanes_type.vector, ir.Undefined)
    single = builder.insert_element(zero, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(single, zero, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH))


def _operator(op, lanes_type, result, emit):
    """Register a binary operator between lanes, and between lanes and a scalar of the same kind."""

    @type_callable(op)
    def typing(_context):
        def typer(a, b):
            if lanes_type not in (a, b):
                return None
            other = b if a is lanes_type else a
            if other is lanes_type or isinstance(other, _SCALARS.get(lanes_type, ())):
                return signature(result, a, b)
            return None

        return typer

    def lower(context, builder, sig, args):
        a, b = (
            value if kind is lanes_type else _splat(context, builder, value, kind, lanes_type)
            for value, kind in zip(args, sig.args, strict=True)
        )
        return emit(builder, a, b)

    for left, right in ((lanes_type, lanes_type), *((lanes_type, s) for s in _SCALARS[lanes_type])):
        lower_builtin(op, left, right)(lower)
        if right is not lanes_type:
            lower_builtin(op, right, left)(lower)


def _function(function, argument_types, result):
    """Register the LLVM twin of a function of `lanes`; the decorated `emit` gets (builder, *values)."""

    def register(emit):
        @type_callable(function)
        def typing(_context):
            def check(*given):
                return signature(result, *argument_types) if given == tuple(argument_types) else None

            # Numba reads the arity off the typer's own signature.
            return (lambda: check(), lambda a: check(a), lambda a, b: check(a, b), lambda a, b, c: check(a, b, c))[
                len(argument_types)
            ]

        @lower_builtin(function, *argument_types)
        def lower(_context, builder, _sig, args):
            return emit(builder, *args)

        return emit

    return register


def _intrinsic(builder, name, vector, *args):
    kind = ir.FunctionType(vector, [arg.type for arg in args])
    suffix = f"v{WIDTH}{'f' if vector is f64.vector else 'i'}64"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.{suffix}"), args)


# --- operators ------------------------------------------------------------------------------------------------------

for _op, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_op, f64, f64, lambda builder, a, b, name=_name: getattr(builder, name)(a, b))
for _op, _name in (
    (operator.add, "add"),
    (operator.sub, "sub"),
    (operator.mul, "mul"),
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.lshift, "shl"),
    (operator.rshift, "lshr"),
):
    _operator(_op, u64, u64, lambda builder, a, b, name=_name: getattr(builder, name)(a, b))
for _op, _name in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
):
    _operator(_op, f64, mask, lambda builder, a, b, name=_name: builder.fcmp_ordered(name, a, b))
    _operator(_op, u64, mask, lambda builder, a, b, name=_name: builder.icmp_unsigned(name, a, b))


@type_callable(operator.neg)
def _type_neg(_context):
    return lambda a: signature(f64, f64) if a is f64 else None


@lower_builtin(operator.neg, f64)
def _lower_neg(_context, builder, _sig, args):
    return builder.fneg(args[0])


# --- values and masks -----------------------------------------------------------------------------------------------


def _splatted(function, lanes_type):
    @type_callable(function)
    def typing(_context):
        return lambda x: signature(lanes_type, x) if isinstance(x, _SCALARS[lanes_type]) else None

    def lower(context, builder, sig, args):
        return _splat(context, builder, args[0], sig.args[0], lanes_type)

    for scalar in _SCALARS[lanes_type]:
        lower_builtin(function, scalar)(lower)


_splatted(lanes.splat, f64)
_splatted(lanes.splat_u64, u64)


@_function(lanes.lane_numbers, (), u64)
def _lane_numbers(_builder):
    return ir.Constant(u64.vector, list(range(WIDTH)))


for _type in (f64, u64):

    @_function(lanes.select, (mask, _type, _type), _type)
    def _select(builder, condition, a, b):
        return builder.select(condition, a, b)


@_function(lanes.both, (mask, mask), mask)
def _both(builder, a, b):
    return builder.and_(a, b)


@_function(lanes.either, (mask, mask), mask)
def _either(builder, a, b):
    return builder.or_(a, b)


@_function(lanes.invert, (mask,), mask)
def _invert(builder, a):
    return builder.xor(a, _constant(mask.vector, 1))


@_function(lanes.any_lane, (mask,), types.boolean)
def _any_lane(builder, a):
    number = builder.bitcast(a, ir.IntType(WIDTH))
    return builder.icmp_unsigned("!=", number, ir.Constant(number.type, 0))


@_function(lanes.minimum, (f64, f64), f64)
def lane_minimum(builder, a, b):
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


@_function(lanes.maximum, (f64, f64), f64)
def lane_maximum(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@_function(lanes.magnitude, (f64,), f64)
def _magnitude(builder, a):
    return _intrinsic(builder, "fabs", f64.vector, a)


@_function(lanes.root, (f64,), f64)
def _root(builder, a):
    return _intrinsic(builder, "sqrt", f64.vector, a)


@_function(lanes.nearest, (f64,), f64)
def _nearest(builder, a):
    # Adding 2^52 rounds to an integer on every CPU; llvm.rint calls libm where there is no SSE 4.1.
    sign = builder.and_(builder.bitcast(a, u64.vector), _constant(u64.vector, 1 << 63))
    shift = builder.or_(sign, _constant(u64.vector, 0x4330000000000000))
    shift = builder.bitcast(shift, f64.vector)
    rounded = builder.fsub(builder.fadd(a, shift), shift)
    rounded = builder.or_(builder.bitcast(_magnitude(builder, rounded), u64.vector), sign)
    small = builder.fcmp_ordered("<", _magnitude(builder, a), _constant(f64.vector, 4503599627370496.0))
    return builder.select(small, builder.bitcast(rounded, f64.vector), a)


@_function(lanes.fma, (f64, f64, f64), f64)
def _fma(builder, a, b, c):
    return _intrinsic(builder, "fma", f64.vector, a, b, c)


@_function(lanes.bits, (f64,), u64)
def _bits(builder, a):
    return builder.bitcast(a, u64.vector)


@_function(lanes.from_bits, (u64,), f64)
def _from_bits(builder, a):
    return builder.bitcast(a, f64.vector)


# --- memory ---------------------------------------------------------------------------------------------------------


def row_pointer(context, builder, array_type, array, index_type, index, vector):
    data = context.make_array(array_type)(context, builder, array).data
    index = context.cast(builder, index, index_type, types.intp)
    element = builder.gep(data, [builder.mul(index, ir.Constant(I64, WIDTH))])
    return builder.bitcast(element, vector.as_pointer())


def is_rows(array, dtype):
    return isinstance(array, types.Array) and array.layout == "C" and array.ndim == 2 and array.dtype == dtype


def is_column(array):
    return isinstance(array, types.Array) and array.layout == "C" and array.ndim == 1 and array.dtype == types.float64


@type_callable(lanes.load)
def _type_load(_context):
    def typer(rows, i):
        if is_column(rows) and isinstance(i, types.Integer):
            return signature(f64, rows, i)
        for dtype, lanes_type in ((types.float64, f64), (types.uint64, u64)):
            if is_rows(rows, dtype) and isinstance(i, types.Integer):
                return signature(lanes_type, rows, i)
        return None

    return typer


@lower_builtin(lanes.load, types.Array, types.Integer)
def _load(context, builder, sig, args):
    if sig.args[0].ndim == 1:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        element = builder.gep(data, [context.cast(builder, args[1], sig.args[1], types.intp)])
        return _splat(context, builder, builder.load(element, align=8), types.float64, f64)
    vector = sig.return_type.vector
    pointer = row_pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1], vector)
    return builder.load(pointer, align=8)


@type_callable(lanes.store)
def _type_store(_context):
    def typer(rows, i, value):
        for dtype, lanes_type in ((types.float64, f64), (types.uint64, u64)):
            if is_rows(rows, dtype) and isinstance(i, types.Integer) and value is lanes_type:
                return signature(types.void, rows, i, value)
        return None

    return typer


@lower_builtin(lanes.store, types.Array, types.Integer, _Lanes)
def _store(context, builder, sig, args):
    pointer = row_pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1], sig.args[2].vector)
    builder.store(args[2], pointer, align=8)
    return context.get_dummy_value()


@type_callable(lanes.store_half)
def _type_store_half(_context):
    def typer(rows, i, value):
        if is_rows(rows, types.uint32) and isinstance(i, types.Integer) and value is u64:
            return signature(types.void, rows, i, value)
        return None

    return typer


@lower_builtin(lanes.store_half, types.Array, types.Integer, _Lanes)
def _store_half(context, builder, sig, args):
    narrow = ir.VectorType(ir.IntType(32), WIDTH)
    pointer = row_pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1], narrow)
    builder.store(builder.trunc(args[2], narrow), pointer, align=4)
    return context.get_dummy_value()


@type_callable(lanes.gather)
def _type_gather(_context):
    def typer(rows, index):
        readable = is_rows(rows, types.float64) or is_column(rows)
        return signature(f64, rows, index) if readable and index is u64 else None

    return typer


@lower_builtin(lanes.gather, types.Array, _Lanes)
def _gather(context, builder, sig, args):
    data = context.make_array(sig.args[0])(context, builder, args[0]).data
    base = _splat(context, builder, builder.ptrtoint(data, I64), types.uint64, u64)
    element = args[1]
    if sig.args[0].ndim == 2:
        element = builder.add(builder.mul(args[1], _constant(u64.vector, WIDTH)), _lane_numbers(builder))
    address = builder.add(base, builder.mul(element, _constant(u64.vector, 8)))
    pointers = builder.inttoptr(address, ir.VectorType(ir.DoubleType().as_pointer(), WIDTH))
    kind = ir.FunctionType(f64.vector, [pointers.type, ir.IntType(32), mask.vector, f64.vector])
    name = f"llvm.masked.gather.v{WIDTH}f64.v{WIDTH}p0"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    everywhere = _constant(mask.vector, 1)
    return builder.call(function, [pointers, ir.Constant(ir.IntType(32), 8), everywhere, _constant(f64.vector, 0.0)])


@type_callable(lanes.numbers_in)
def _type_numbers_in(_context):
    def typer(rows, first, count):
        if is_rows(rows, types.float64) and isinstance(first, types.Integer) and isinstance(count, types.Integer):
            return signature(types.Array(types.float64, 1, "C"), rows, types.intp, types.intp)
        return None

    return typer


@lower_builtin(lanes.numbers_in, types.Array, types.Integer, types.Integer)
def _numbers_in(context, builder, sig, args):
    # Built by hand: Numba's reshape takes as long as a small fit.
    data = context.make_array(sig.args[0])(context, builder, args[0]).data
    view = context.make_array(sig.return_type)(context, builder)
    start = builder.gep(data, [builder.mul(args[1], ir.Constant(I64, WIDTH))])
    size = ir.Constant(I64, 8)
    arrayobj.populate_array(view, start, [args[2]], [size], size, None)
    return view._getvalue()


@type_callable(lanes.numbers_at)
def _type_numbers_at(_context):
    def typer(address, count):
        if address == count == types.float64:
            return signature(types.Array(types.float64, 1, "C"), types.float64, types.float64)
        return None

    return typer


@lower_builtin(lanes.numbers_at, types.float64, types.float64)
def _numbers_at(context, builder, sig, args):
    address, count = (builder.fptoui(value, I64) for value in args)
    view = context.make_array(sig.return_type)(context, builder)
    start = builder.inttoptr(address, ir.DoubleType().as_pointer())
    arrayobj.populate_array(view, start, [count], [ir.Constant(I64, 8)], ir.Constant(I64, 8), None)
    return view._getvalue()


@type_callable(lanes.borrowed)
def _type_borrowed(_context):
    return lambda array: signature(array, array) if isinstance(array, types.Array) else None


@lower_builtin(lanes.borrowed, types.Array)
def _borrowed(context, builder, sig, args):
    view = context.make_array(sig.args[0])(context, builder, args[0])
    view.meminfo = ir.Constant(view.meminfo.type, None)
    return view._getvalue()
