"""Small files of evaluations, as the figures' tests have them."""

from tests.unit.plotting.conftest import write_arrays

__all__ = ["write_arrays"]
