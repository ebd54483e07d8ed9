"""The schema for editors: it takes every scenario here, and refuses only what `scenario` refuses too."""

import json
import tomllib

import jsonschema
import pytest
from click.testing import CliRunner

from simcore import choices, json_schema, scenario, starters
from simcore.cli import main
from simcore.errors import ScenarioError
from simcore.registry import Derived, Interval, plugins
from tests.documents import PLAIN_SCENARIOS, ROOT

SCENARIOS = [*PLAIN_SCENARIOS, ROOT / "results/reference/scenario.toml"]
BASE = {
    "name": "base",
    "problem": "location",
    "factors": {"n": [10], "errors": [{"distribution": "student_t", "df": 3}], "contamination": [{"kind": "none"}]},
    "estimators": [{"loss": "l2"}, {"loss": "huber", "k": [1.0, 2.0]}, {"estimator": "hodges_lehmann"}],
}
LINE = BASE | {"problem": "linear", "beta": [1, 2], "estimators": [{"loss": "l2"}, {"estimator": "mm", "c": 4.0}]}
LINE["factors"] = BASE["factors"] | {"design": [{"design": "harmonic", "frequencies": [0.1]}], "n": [20]}
LINE["beta"] = [1, 2, 3]


@pytest.fixture(scope="module")
def validator():
    done = CliRunner().invoke(main, ["schema"])
    assert done.exit_code == 0
    schema = json.loads(done.stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_is_valid(validator, path):
    validator.validate(tomllib.loads(path.read_text()))


@pytest.mark.parametrize("problem", plugins("problems"))
def test_starters_are_valid(validator, problem):
    validator.validate(tomllib.loads(starters.starter("one", starters.usual(problem))))


def changed(base, path, value):
    """A copy of plain values with another value at a path; of None without the key."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    copy = dict(base) if isinstance(base, dict) else list(base)
    if value is None and not rest:
        del copy[key]
    else:
        copy[key] = changed(base[key] if rest else None, rest, value)
    return copy


WRONG = [
    (BASE, ("sead",), 5),
    (BASE, ("name",), None),
    (BASE, ("name",), "Mine Own"),
    (BASE, ("title",), 5),
    (BASE, ("seed",), -1),
    (BASE, ("seed",), "5"),
    (BASE, ("seed",), True),
    (BASE, ("replications",), 0),
    (BASE, ("replications",), 1.5),
    (BASE, ("keep",), "everything"),
    (BASE, ("estimand",), "mode"),
    (BASE, ("variance_reduction",), "yes"),
    (BASE, ("problem",), "locations"),
    (BASE, ("problem",), None),
    (BASE, ("beta",), [1.0, 2.0]),
    (BASE, ("intercept",), True),
    (BASE, ("factors",), None),
    (BASE, ("factors",), []),
    (BASE, ("factors", "errors", 0), {"data": "my.csv"}),
    (BASE, ("factors", "errors", 0), {"data": "my.csv", "column": "y", "df": 3}),
    (BASE, ("factors", "errors", 0), {"distribution": "normal", "scipy": "nct"}),
    (BASE, ("factors", "m"), [10]),
    (BASE, ("factors", "n"), None),
    (BASE, ("factors", "n"), 10),
    (BASE, ("factors", "n"), []),
    (BASE, ("factors", "n"), [0]),
    (BASE, ("factors", "n"), [10, 10]),
    (BASE, ("factors", "n"), ["10"]),
    (BASE, ("factors", "errors"), {"distribution": "normal"}),
    (BASE, ("factors", "errors"), []),
    (BASE, ("factors", "errors", 0, "df"), None),
    (BASE, ("factors", "errors", 0, "df"), 0),
    (BASE, ("factors", "errors", 0, "df"), "3"),
    (BASE, ("factors", "errors", 0, "df"), [3, -3]),
    (BASE, ("factors", "errors", 0, "df"), []),
    (BASE, ("factors", "errors", 0, "d"), 3),
    (BASE, ("factors", "errors", 0, "distribution"), "normal"),
    (BASE, ("factors", "errors", 0, "distribution"), "norml"),
    (BASE, ("factors", "errors", 0), {"distribution": "von_mises_fisher", "kappa": 3}),
    (BASE, ("factors", "contamination", 0), {"kind": "shift", "fraction": 2.0, "size": 1.0}),
    (BASE, ("factors", "contamination", 0), {"kind": "leverage", "fraction": 0.1, "distance": 1.0, "size": 1.0}),
    (BASE, ("factors", "design"), [{"design": "gaussian"}]),
    (BASE, ("factors", "hidden"), [3]),
    (BASE, ("estimators",), []),
    (BASE, ("estimators", 0), {"loss": "l2", "estimator": "mm"}),
    (BASE, ("estimators", 0), {}),
    (BASE, ("estimators", 0, "loss"), "l3"),
    (BASE, ("estimators", 0, "k"), 1.5),
    (BASE, ("estimators", 0, "label"), ""),
    (BASE, ("estimators", 1, "k"), -1),
    (BASE, ("estimators", 1, "scale"), "sd"),
    (BASE, ("estimators", 1, "scale"), 0),
    (BASE, ("estimators", 2, "estimator"), "mm"),
    (BASE, ("estimators", 2, "estimator"), "huber"),
    (BASE, ("measures",), [{"measure": "variance", "p": 0.5}]),
    (BASE, ("measures",), [{"measure": "quantile", "p": 2.0}]),
    (BASE, ("precision",), {"measure": "variance"}),
    (BASE, ("precision",), {"measure": "bias", "relative_mcse": 0.01}),
    (BASE, ("precision",), {"measure": "variance", "relative_mcse": 2}),
    (LINE, ("beta",), None),
    (LINE, ("beta",), 1.0),
    (LINE, ("predict",), [0.5]),
    (LINE, ("intercept",), "no"),
    (LINE, ("factors", "design"), None),
    (LINE, ("factors", "design", 0, "frequencies"), 0.1),
    (LINE, ("factors", "design", 0, "frequencies"), [0.7]),
    (LINE, ("factors", "design", 0), {"design": "gaussian", "redrawn": "yes"}),
    (LINE, ("estimators", 1, "estimator"), "hodges_lehmann"),
]


@pytest.mark.parametrize("base", [BASE, LINE], ids=["location", "linear"])
def test_what_the_wrong_ones_are_made_from_is_right(validator, base):
    validator.validate(base)
    scenario.Study(**base)


@pytest.mark.parametrize(("base", "path", "value"), WRONG)
def test_what_is_wrong_is_refused_by_both(validator, base, path, value):
    data = changed(base, path, value)
    with pytest.raises(ScenarioError):
        scenario.Study(**data)
    assert not validator.is_valid(data)


@pytest.mark.parametrize("kind", ["distributions", "contamination", "losses", "estimators", "designs"])
def test_every_plugin_has_its_parameters_meanings_and_defaults(kind):
    found = json_schema.schema()["definitions"][kind]
    assert list(found) == list(plugins(kind))
    for name, plugin in plugins(kind).items():
        own = found[name]["properties"]
        for parameter in choices.parameters_of(kind, plugin):
            assert parameter.meaning in own[parameter.name]["description"]
            if not isinstance(parameter.default, Derived | None):
                assert own[parameter.name]["default"] == parameter.default
            value = own[parameter.name]["else"].get("else", own[parameter.name]["else"])
            if isinstance(parameter.domain, Interval) and parameter.domain.low > -1e300:
                key = "exclusiveMinimum" if parameter.domain.open_low else "minimum"
                assert value[key] == parameter.domain.low


def test_messages_point_at_the_key():
    validator = jsonschema.Draft7Validator(json_schema.schema())
    (error,) = validator.iter_errors(changed(BASE, ("estimators", 1, "k"), -1))
    assert list(error.absolute_path) == ["estimators", 1, "k"] and "-1 is less than" in error.message
    (error,) = validator.iter_errors(changed(BASE, ("estimators", 1, "kk"), 1))
    assert "'kk' was unexpected" in error.message
