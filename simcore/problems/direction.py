"""A direction: the point mu of the sphere S^{d-1} about which unit vectors scatter.

mu is the first axis; nothing that fits it knows the axes. Off the sphere least squares is the plain mean, which is too
short; on the sphere there are the mean direction, the Fréchet mean and the geodesic median.
"""

from simcore.registry import Glance, Interval, Parameter, Problem, Quantity, Simulation
from simcore.sphere import scratch_rows
from simcore.streams import ERRORS, start

draw = None  # open name of `sample`


def sample(words, group, x, n, p, errors, place):
    """n unit vectors, one after the other."""
    draw(start(words, ERRORS, group), x, n, errors)


def quantities(settings, errors):
    across = "angle from the first axis along that of the outliers, the second: log_mu of the estimate"
    return (
        Quantity("across", across, truth=0.0, light=True),
        Quantity("angle", "angle between the estimate and mu, in radians", light=True),
        Quantity("squared_angle", "square of the angle between the estimate and mu", light=True, log=True),
        Quantity("norm", "length of the answer before it is put back on the sphere, 1 if it never left", light=True),
        Quantity("chord", "straight distance from the answer, as long as it is, to mu", light=True),
    )


PLUGIN = Problem(
    "direction",
    "a direction: the point of a sphere about which unit vectors scatter",
    "Mardia & Jupp (2000)",
    errors=False,
    losses=False,
    estimand="mu, the direction about which the good observations scatter evenly: the first axis",
    settings=(
        Parameter("dimension", "length of the unit vectors: 2 is the circle", Interval(2, 50, integer=True), 3.0),
    ),
    simulation=Simulation(
        sample=sample,
        rows=lambda n, settings: n * int(settings["dimension"]),
        data=lambda x, n, settings: {"x": x.reshape(n, int(settings["dimension"]))},
        quantities=quantities,
        scratch=lambda n, settings: scratch_rows(int(settings["dimension"])),
        work=lambda n, settings: 30 * n * int(settings["dimension"]),
    ),
    glances=(
        Glance(
            "off_the_sphere",
            ("mean", "bias"),
            x="fraction",
            title="how long the answer is, and how far off",
            label="mean, or bias, of the quantity at the right",
            rows="parameter",
            columns="errors",
            apart=True,
            parameters=("norm", "across", "squared_angle"),
        ),
    ),
    shown=("mean", "bias", "rmse"),
)
