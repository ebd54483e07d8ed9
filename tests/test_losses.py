"""Every registered loss keeps its contract, which sees losses that do not; and what is known of single ones."""

import dataclasses
import math

import mpmath as mp
import numpy as np
import pytest

from simcore import jit
from simcore.contracts import efficiency, losses
from simcore.contracts.faults import on_lanes
from simcore.registry import plugins, resolved

EPS = 2.0**-52
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


MORE = {  # parameter sets beside those of `_cases`
    "lp": [(1.05,), (1.2,), (2.0,)],
    "barron": [(alpha, c) for alpha, c in ((2.0, 0.8), (1.9, 3.0), (0.0, 2.0), (-2.0, 2.0), (-50.0, 2.0))],
}


def _cases():
    """Each loss with its defaults, and with each parameter halved and tripled where its domain and the others allow."""
    for name, loss in plugins("losses").items():
        defaults = resolved({p.name: p.default for p in loss.parameters})
        assert None not in defaults.values(), f"{name}: a loss without defaults needs parameter sets here"
        yield name, tuple(defaults.values())
        for parameter in loss.parameters:
            for factor in (0.5, 3.0):
                values = defaults | {parameter.name: factor * defaults[parameter.name]}
                if values[parameter.name] in parameter.domain and not loss.conflict(**values):
                    yield name, tuple(values.values())
        yield from ((name, numbers) for numbers in MORE.get(name, ()))


CASES = list(_cases())
each_case = pytest.mark.parametrize("name, numbers", CASES, ids=str)


def _loss(name):
    return plugins("losses")[name]


def _values(name, numbers):
    """The parameters by name."""
    return dict(zip((p.name for p in _loss(name).parameters), numbers, strict=True))


def _at(function, r, numbers):
    """A loss function at any array of residuals (plain mode; `test_compiled_equals_plain` covers the other)."""
    return on_lanes(function, r, np.array([*numbers, 0.0]))


@pytest.mark.parametrize("name", plugins("losses"))
def test_contract(name):
    """Nothing is wrong with it, and nothing could be said better."""
    assert list(losses.faults(_loss(name))) == []


@each_case
def test_contract_at_more_values(name, numbers):
    assert list(losses.at(_loss(name), _values(name, numbers))) == []


def _efficiency(name, numbers):
    """(E psi')^2 / E psi^2 under the normal at a known scale, by Gauss rules on pieces between bends."""
    bends = []
    assert not list(losses.at(_loss(name), _values(name, numbers), bends=bends))
    edges = np.unique([*(place for place in bends if 0.0 < place < 9.0), *1e-15 * 2.0 ** np.arange(50), *np.arange(10)])
    half = 0.5 * np.diff(edges)[:, None]
    z = edges[:-1, None] + half + half * _NODES
    mass = 2.0 * half * _WEIGHTS * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    psi, slope = _at(_loss(name).psi, z, numbers), _at(_loss(name).psi_prime, z, numbers)
    jumps = np.array(_loss(name).jumps(**_values(name, numbers)))  # by 1 each
    at_jumps = np.sum(np.exp(-0.5 * jumps * jumps)) / math.sqrt(2.0 * math.pi)
    return (np.sum(slope * mass) + at_jumps) ** 2 / np.sum(psi * psi * mass)


@pytest.mark.parametrize("name", [name for name, loss in plugins("losses").items() if loss.parameters])
def test_the_default_is_as_efficient_as_it_says(name):
    """95 % under the normal, to what the digits of the constant leave; where that is out of reach, the most."""
    if name == "quantile":
        return
    numbers = next(numbers for case, numbers in CASES if case == name)
    found = _efficiency(name, numbers)
    assert "95 %" in _loss(name).meaning
    if name == "epsilon_insensitive":
        assert found == pytest.approx(0.80983, abs=1e-5)
        assert found > max(_efficiency(name, (numbers[0] + step,)) for step in (-1e-3, 1e-3))
    else:
        assert found == pytest.approx(0.95, abs=1e-5)


@each_case
def test_a_check_tells_that_efficiency(name, numbers):
    """By Stein's identity, without psi': as above, but where psi' has no bound; of what is not even nothing is told."""
    loss, values = _loss(name), _values(name, numbers)
    if not loss.symmetric:
        assert efficiency.said(loss) is None
    elif name not in ("l1", "lp"):
        assert efficiency.efficiency(loss, values) == pytest.approx(_efficiency(name, numbers), abs=5e-5)


@pytest.mark.parametrize("k", [0.1, 0.7, 1.345, 3.0])
@pytest.mark.parametrize("p", [1.0, 1.05, 1.2, 1.7, 2.0])
def test_it_is_that_of_closed_forms(k, p):
    below, at = 0.5 * math.erfc(-k / math.sqrt(2.0)), math.exp(-0.5 * k * k) / math.sqrt(2.0 * math.pi)
    inside = 2.0 * below - 1.0
    of_huber = inside * inside / (inside - 2.0 * k * at + 2.0 * k * k * (1.0 - below))
    assert efficiency.efficiency(HUBER, {"k": k}) == pytest.approx(of_huber, abs=2e-7)
    moments = [2.0 ** (0.5 * m) * math.gamma(0.5 * (m + 1.0)) / math.sqrt(math.pi) for m in (p, 2.0 * p - 2.0)]
    of_lp = moments[0] ** 2 / moments[1]
    name, values = ("lp", {"p": p}) if p > 1.0 else ("l1", {})
    assert efficiency.efficiency(_loss(name), values) == pytest.approx(of_lp, abs=2e-7)


@pytest.mark.parametrize("factor", [0.05, 0.7, 1.0, 2.0, 40.0])
@pytest.mark.parametrize("name", ["huber", "tukey", "cauchy"])
def test_a_check_tells_the_constant_that_gives_95_percent(name, factor):
    """Wherever the default is; ours have five digits of it."""
    loss, (parameter,) = _loss(name), _loss(name).parameters
    moved = dataclasses.replace(loss, parameters=(dataclasses.replace(parameter, default=factor * parameter.default),))
    found = efficiency.tuned(moved)
    assert found == pytest.approx(parameter.default, rel=1e-4)
    assert efficiency.efficiency(loss, {parameter.name: found}) == pytest.approx(0.95, abs=1e-8)


def test_a_check_says_it_in_a_sentence():
    narrow = dataclasses.replace(HUBER, parameters=(dataclasses.replace(HUBER.parameters[0], default=0.7),))
    assert efficiency.said(HUBER) == "95.00 % efficient under the normal, the scale known, at k = 1.345"
    assert efficiency.said(narrow).endswith("the scale known, at k = 0.7; k = 1.345 is 95 %")
    assert efficiency.said(_loss("l1")) == "63.66 % efficient under the normal, the scale known"  # 2 / pi
    assert efficiency.said(_loss("epsilon_insensitive")).endswith("no epsilon near that is 95 %")
    assert efficiency.said(_loss("barron")).endswith("at alpha = 1, c = 1.2871")
    whole = dataclasses.replace(HUBER, parameters=(dataclasses.replace(HUBER.parameters[0], default=2),))
    assert efficiency.said(whole).endswith("at k = 2; k = 1.345 is 95 %")


@pytest.mark.parametrize("alpha", [-1e6, -60.0, -2.0, 0.0, 0.5, 1.0, 1.3, 1.5, 1.57])
def test_the_default_of_barron_follows_alpha(alpha):
    c = resolved({p.name: p.default for p in _loss("barron").parameters} | {"alpha": alpha})["c"]
    assert _efficiency("barron", (alpha, c)) == pytest.approx(0.95, abs=5e-6) and c == float(f"{c:.5g}")
    assert _efficiency("barron", (alpha, c * 1.001)) > 0.95 > _efficiency("barron", (alpha, c / 1.001))
    assert _efficiency("barron", (1.5789, 1e-4)) > 0.95  # so that no c is the one beyond


@pytest.mark.parametrize("alpha", [2.0, 2.0 - 1e-9, 1.3, 1.0, 1e-9, 0.0, -1e-9, -7.0, -1e3, -1e6])
def test_barron_keeps_its_digits(alpha):
    """psi, psi' and rho in 60 digits, to 16 eps, and so much for each e-fold of the weight that psi' has besides."""
    r, c, loss = np.array([1e-200, 1e-8, 0.3, 1.0, 2.5, 9.0, 1e3, 1e9]), 1.7, _loss("barron")
    got = [_at(f, r, (alpha, c)) for f in (loss.rho, loss.psi, loss.psi_prime)]
    with mp.workdps(60):
        for k, size in enumerate(r.tolist()):
            a, z = mp.mpf(alpha), (mp.mpf(size) / mp.mpf(c)) ** 2
            b, units = 2 - a, mp.mpf(c) ** 2
            w = (1 + z / b) ** (-b / 2) if b else mp.mpf(1)
            if a and b:
                rho = units * b / a * ((1 + z / b) ** (a / 2) - 1)
            else:
                rho = units * mp.log1p(z / 2) if b else mp.mpf(size) ** 2 / 2
            slope = w * (b + z * (1 - b)) / (b + z) if b else mp.mpf(1)
            allowed = 16 * EPS * (1 + abs(mp.log(w)) + (mp.log1p(z / b) if b else 0))
            for value, exact, unit in zip(
                (column[k] for column in got), (rho, size * w, slope), (rho, size * w, w + abs(slope)), strict=True
            ):
                assert abs(mp.mpf(float(value)) - exact) <= allowed * abs(unit) + mp.mpf("1e-300"), (size, alpha)


HUBER, TUKEY, L2 = (plugins("losses")[name] for name in ("huber", "tukey", "l2"))
BROKEN = {  # what is changed of a loss -> what is said of it, at its default parameters
    "psi is not the derivative of rho": (TUKEY, {"psi": lambda r, p: TUKEY.psi(r, p) * (1.0 + 1e-11)}),
    "psi_prime is not the derivative of psi": (
        TUKEY, {"psi_prime": lambda r, p: TUKEY.psi_prime(r, p) * (1.0 + 1e-11)}
    ),
    "psi is not the derivative of rho: from r = 1.3": (
        HUBER, {"psi": lambda r, p: np.where(np.abs(r) < 1.01 * p[0], r, HUBER.psi(r, p))}
    ),
    "weight(r) r is not psi(r)": (TUKEY, {"weight": lambda r, p: TUKEY.weight(r, p) * (1.0 + 1e-14)}),
    "rho jumps at r = -2": (HUBER, {"rho": lambda r, p: HUBER.rho(r, p) + (np.abs(r) > 2.0)}),
    "psi is bounded, though bounded is False: give bounded=lambda k: True": (HUBER, {"bounded": lambda k: False}),
    "psi is not bounded, though bounded is True: give bounded=lambda: False": (L2, {"bounded": lambda: True}),
    "psi never comes down, though monotone is False: give monotone=lambda k: True": (
        HUBER, {"monotone": lambda k: False}
    ),
    "psi comes down at r = 2.091, though monotone is True: give monotone=lambda c: False": (
        TUKEY, {"monotone": lambda c: True}
    ),
    "psi does not jump at r = 1.345": (HUBER, {"jumps": lambda k: (k,)}),
    "psi jumps at r = 0, which": (plugins("losses")["l1"], {"jumps": lambda: ()}),
    "rho(-1) = 0.5, rho(1) = 1: not even; where that is meant, give symmetric=False": (
        HUBER, {"rho": lambda r, p: HUBER.rho(r, p) * np.where(r > 0, 2.0, 1.0)}
    ),
    "psi(1) = 1.0000000000000002: not odd, to the last bit": (
        HUBER, {"psi": lambda r, p: HUBER.psi(r, p) * np.where(r > 0, 1.0 + EPS, 1.0)}
    ),
    "psi must have the sign of r: psi(1) = -1": (HUBER, {"psi": lambda r, p: -HUBER.psi(r, p)}),
    "must not be negative: weight(1) = -1": (HUBER, {"weight": lambda r, p: -HUBER.weight(r, p)}),
    "rho decreases as r grows from 0: at r = 9": (TUKEY, {"rho": lambda r, p: TUKEY.rho(r, p) * (np.abs(r) < 9.0)}),
    "psi is not a number at r = 0: give another value there": (HUBER, {"psi": lambda r, p: HUBER.psi(r, p) * (r / r)}),
    "weight is not a number at r = 0, whose limit there is": (HUBER, {"weight": lambda r, p: HUBER.psi(r, p) / r}),
    "rho(0) and psi(0) must be 0: rho(0) = 1": (HUBER, {"rho": lambda r, p: HUBER.rho(r, p) + 1.0}),
}


@pytest.mark.parametrize("said", BROKEN)
def test_broken_twins_are_seen(said):
    """A relative error of 1e-11 in psi or psi', a kink that was missed, a weight that is off by 1e-14, false flags."""
    loss, changes = BROKEN[said]
    found = losses.at(dataclasses.replace(loss, **changes), {p.name: p.default for p in loss.parameters})
    assert any(said in fault.what and fault.broken for fault in found)


def test_smoothness_is_what_it_says():
    twins = dataclasses.replace(HUBER, smooth=True), dataclasses.replace(TUKEY, smooth=False)
    (rough,), (smooth,) = (list(losses.faults(twin)) for twin in twins)
    assert "say smooth=False" in rough.what and rough.broken and "with smooth=True" in smooth.what and not smooth.broken


def test_other_bits_of_compiled_code_are_seen(monkeypatch):
    """Plain code that rounds otherwise."""
    compiled = jit.compiled
    monkeypatch.setattr(jit, "compiled", lambda function: _off(compiled(function)))
    (fault,) = losses.compiled_faults(HUBER, [{"k": 1.345}])
    assert "rho gives other bits compiled than as plain Python at k = 1.345" in fault.what


def _off(compiled):
    def run(x, p, out):
        compiled(x, p, out)
        out[0] = np.nextafter(out[0], 1.0)

    return run


def test_rho_far_out():
    assert math.isclose(_at(TUKEY.rho, 100.0, (4.685,)), 4.685**2 / 6.0, rel_tol=4 * EPS)
