"""Every key of the config with values at and beyond the sides of its range, and of other types."""

import datetime
import json

import pytest

from hypervae.config import Section, keys_of, resolve_config
from hypervae.config.whole import WorkflowConfig
from hypervae.errors import ConfigError
from hypervae.workflow import Plan

BASE = {
    "data": {
        "jet_types": {
            "t": {"source": "pythia", "shards": 2, "jets_per_shard": 60},
            "g": {"source": "files", "paths": ["g.h5"]},
        }
    },
    "models": {"t": {"jet_types": ["t"]}},
}
LOOP: list = []
LOOP.append(LOOP)
#: Of any type, and at the ends of what numbers can be.
STRANGE = [
    None, True, False, "", " ", "no", "1e5", "0x10", "nan", "inf", "1:30", "\x00", "\u202e",
    "a" * 10_000, 0, -1, 1, 2, 3, 7, 255, 2**31, 2**63 - 1, 2**63, 2**64, 10**20, 10**400,
    -(10**20), 0.0, -0.0, 0.5, 1.0, 1e-300, 1e300, -1e300, float("nan"), float("inf"),
    -float("inf"), 1j, [], [None], [[]], [""], [1, 2], [2, 1], [1, 1], [1, 0, 0], [0, 0, 1],
    [0.3, 0.3, 0.4], ["t", "t"], [1e-300, 1e300], [float("nan")] * 2, ["a"] * 1000, {}, {"a": 1},
    {"": {}}, {None: 1}, {"t": 0}, {"t": -1}, {"t": {}}, datetime.date(2026, 11, 27), b"bytes",
    {1, 2},
]  # fmt: skip


def places():
    """Every key, with the names in it that may be any."""
    for key in keys_of(WorkflowConfig):
        names = {"jet_types": "t", "models": "t"}
        path = [names[key.path[i - 1]] if part == "*" else part for i, part in enumerate(key.path)]
        yield ".".join(path), key


def with_value(path, value):
    config = json.loads(json.dumps(BASE))
    inside = config
    *above, last = path.split(".")
    for part in above:
        inside = inside.setdefault(part, {})
    inside[last] = value
    return config


def near(key):
    """Values at both sides of the bounds that a key states."""
    words = key.bounds.replace(",", "").split()
    for number in (word for word in words if word[0].isdigit()):
        bound = float(number)
        for value in (bound, bound - 1, bound + 1, bound * (1 - 1e-9), bound * (1 + 1e-9)):
            yield value
            if value == int(value):
                yield int(value)


@pytest.mark.parametrize(("path", "key"), list(places()), ids=lambda value: str(value)[:40])
def test_a_value_is_refused_with_its_key_or_makes_a_plan(path, key):
    refused = []
    for value in [*STRANGE, *near(key), LOOP]:
        config = with_value(path, value)
        try:
            resolved = resolve_config(config)
        except ConfigError as error:
            refused.append((value, str(error)))
            continue
        # what is taken is what a run can be planned of, and comes back from its own spelling
        assert isinstance(resolved, Section)
        assert resolve_config(json.loads(json.dumps(resolved.to_dict()))) == resolved
        Plan(config)
    above, _, name = path.rpartition(".")
    named = (path, f"{above}:", f"{name})", f"{name} (", f"{name}:")
    for value, text in refused:
        assert any(name in text for name in named), (value, text)
        for line in text.splitlines():
            assert line.isprintable(), line
            assert len(line) < 1200
    assert len(refused) > 10


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.split.fractions", [1, 0, 0]),
        ("data.split.fractions", [0.99, 0.005, 0.005]),  # of 120 jets
        ("train.monitor_every", 0),
        ("generate.mix", {"g": 0}),
        ("generate.mix", {"t": 0, "g": 0}),
        ("generate.mix", {"t": 0.5, "g": 0.5}),  # no model knows both
        ("models.t.generate", {"mix": {"t": 0}}),
        ("models.t.generate", {"mix": {"g": 1}}),
        ("model.hierarchical.heads", 3),
        ("data.jet_types.g.paths", [""]),
        ("data.jet_types.g.paths", ["a.h5", " "]),
        ("correlators.range", [1e-300, 1e300]),
        ("data.split.seed", 1e20),
        ("train.seed", 10**20),
        ("train.learning_rate", 1000),
        ("data.simulation.energy", 1500),
    ],
)
def test_what_would_fail_in_a_job_is_refused_at_once(path, value):
    config = with_value(path, value)
    if path == "train.monitor_every":
        config["train"]["monitor"] = "w1m"
    with pytest.raises(ConfigError, match=path.replace(".", r"\.")):
        resolve_config(config)
