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


def test_a_line_of_meaning_stands_beside_the_reference():
    shapes = Registry(
        "shape", {"path": ("pathlib:Path", "a line"), "dot": ("pathlib:P", "a point")}
    )
    assert shapes.meanings == "path (a line), dot (a point)"
    assert shapes["path"] is SHAPES["path"]


def test_unknown_names_are_refused():
    assert "circle" not in SHAPES
    with pytest.raises(ConfigError, match=r"shape: found 'circle', expected one of square, path"):
        SHAPES["circle"]
