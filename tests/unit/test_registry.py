import sys

import pytest

from hypervae.errors import ConfigError
from hypervae.registry import Registry

SHAPES = Registry("shape", {"square": "tests.unit.shapes_of_nothing:A", "path": "pathlib:Path"})


def test_names_are_listed_in_order_and_nothing_is_imported():
    assert list(SHAPES) == ["square", "path"]
    assert "square" in SHAPES
    assert len(SHAPES) == 2
    assert "tests.unit.shapes_of_nothing" not in sys.modules


def test_a_variant_is_imported_when_looked_up():
    from pathlib import Path

    assert SHAPES["path"] is Path
    with pytest.raises(ModuleNotFoundError):
        SHAPES["square"]


def test_unknown_names_are_refused():
    assert "circle" not in SHAPES
    with pytest.raises(ConfigError, match=r"shape: found 'circle', expected one of square, path"):
        SHAPES["circle"]
