"""What a loss is worth where errors are normal: its efficiency as samples grow, and the constant that makes it 95 %."""

from simcore.contracts.faults import numbers_of, on_lanes, typical
from simcore.populations import population
from simcore.registry import Interval
from simcore.roots import false_position

_WANTED = 0.95  # what the defaults of ours have
_SETTLED = 1e-9  # of the constant, relative
_FACTOR, _MOST_STEPS = 1.25, 20  # of the search about the default: from an 80th to 80 times it


def said(loss):
    """A sentence on a sound `registry.Loss` at its defaults; None where rho is not even: it has a centre of its own."""
    if not loss.symmetric:
        return None
    values = typical(loss.parameters)
    at = ", ".join(f"{name} = {value:g}" for name, value in values.items() if _is_number(value))
    found = efficiency(loss, values)
    text = f"{100.0 * found:.2f} % efficient under the normal, the scale known{f', at {at}' if at else ''}"
    if abs(found - _WANTED) < 5e-5 or not _tunable(loss):
        return text
    (name,), constant = values, tuned(loss)
    return f"{text}; {f'{name} = {constant:.5g} is' if constant else f'no {name} near that is'} 95 %"


def efficiency(loss, values):
    """The asymptotic variance of the mean over that of the estimate of location, under normal errors of known scale.

    That is (E psi')^2 / E psi^2 (Huber 1964), where E psi' = E z psi(z) also if psi jumps (Stein 1981). 0 where the
    centre is no minimum.
    """
    numbers, normal = numbers_of(values), population("normal", ())
    slope = normal.mean_of(lambda z: z * on_lanes(loss.psi, z, numbers))
    square = normal.mean_of(lambda z: on_lanes(loss.psi, z, numbers) ** 2)
    return slope * slope / square if slope > 0.0 else 0.0


def tuned(loss):
    """The value of its only parameter, near the default, with an efficiency of 95 %; None where there is none."""
    (parameter,) = loss.parameters

    def excess(value):
        return efficiency(loss, {parameter.name: value}) - _WANTED

    for low, high in _intervals(typical(loss.parameters)[parameter.name], parameter.domain):
        at_low, at_high = excess(low), excess(high)
        if at_low < 0.0 < at_high:
            return false_position(excess, low, at_low, high, at_high, _SETTLED)
        if at_high < 0.0 < at_low:
            return false_position(lambda value: -excess(value), low, -at_low, high, -at_high, _SETTLED)
    return None


def _intervals(start, domain):
    """Intervals of a domain, the nearest to a number first."""
    for k in range(_MOST_STEPS):
        for low in (start * _FACTOR**k, start * _FACTOR ** -(k + 1)):
            if low in domain and low * _FACTOR in domain:
                yield low, low * _FACTOR


def _tunable(loss):
    """Whether it has one parameter alone, a number above 0."""
    if len(loss.parameters) != 1:
        return False
    (value,), domain = typical(loss.parameters).values(), loss.parameters[0].domain
    return isinstance(domain, Interval) and not domain.integer and _is_number(value) and value > 0.0


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
