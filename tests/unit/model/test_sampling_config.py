import pytest

from hypervae.errors import ConfigError
from hypervae.model.sampling_config import SamplingConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"solver": "rk4"}, "'rk4' is none of euler, midpoint"),
        ({"evaluations": 0}, "0, at least 1"),
        ({"temperature": -1.0}, "temperature: found -1"),
        ({"temperature": float("nan")}, "temperature: found nan"),
    ],
    ids=str,
)
def test_values_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        SamplingConfig(**changes)
