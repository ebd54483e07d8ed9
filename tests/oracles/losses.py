"""psi of each loss, written from its definition; imports nothing from simcore. Parameters as in a scenario."""

import numpy as np

DEFAULTS = {
    "huber": {"k": 1.345},
    "tukey": {"c": 4.685},
    "pseudo_huber": {"delta": 1.2871},
    "cauchy": {"c": 2.3849},
    "welsch": {"c": 2.9846},
    "geman_mcclure": {"c": 3.7874},
    "fair": {"c": 1.3998},
    "logcosh": {"c": 1.2047},
    "hampel": {"a": 1.3522, "b": 3.1551, "c": 7.2116},
    "barron": {"alpha": 1.0, "c": 1.2871},
    "lp": {"p": 1.5788},
}
REDESCENDING = ("tukey", "cauchy", "welsch", "geman_mcclure", "hampel")


def psi(name, z, **values):
    """psi(z) at the defaults, or at other values."""
    return _PSI[name](np.asarray(z, float), **DEFAULTS[name] | values)


_PSI = {
    "huber": lambda z, k: np.clip(z, -k, k),
    "tukey": lambda z, c: z * np.clip(1 - (z / c) ** 2, 0, None) ** 2,
    "pseudo_huber": lambda z, delta: z / np.sqrt(1 + (z / delta) ** 2),
    "cauchy": lambda z, c: z / (1 + (z / c) ** 2),
    "welsch": lambda z, c: z * np.exp(-((z / c) ** 2)),
    "geman_mcclure": lambda z, c: z / (1 + (z / c) ** 2) ** 2,
    "fair": lambda z, c: z / (1 + np.abs(z) / c),
    "logcosh": lambda z, c: c * np.tanh(z / c),
    "hampel": lambda z, a, b, c: np.sign(z) * np.interp(np.abs(z), [0, a, b, c], [0, a, a, 0]),
    "barron": lambda z, alpha, c: _barron(z, alpha, c),
    "lp": lambda z, p: np.sign(z) * np.abs(z) ** (p - 1),
}


def _barron(z, alpha, c):
    if alpha == 2:
        return z
    b = abs(alpha - 2)
    return z * ((z / c) ** 2 / b + 1) ** (alpha / 2 - 1)
