"""The recipe of the default config, which the benchmarks measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

#: Its sections ``model`` and ``train`` are the recipe.
RECIPE = Path(__file__).parents[1] / "config" / "config.yaml"


def default_model(**changes: Any) -> dict[str, Any]:
    """The section ``model`` of the default config, with other values of some keys."""
    section: dict[str, Any] = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))["model"]
    return {**section, **changes}
