"""One version, wherever it stands."""

import re
import tomllib
from pathlib import Path

import yaml

from hypervae import __version__

ROOT = Path(__file__).parents[2]


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
    assert project["version"] == __version__ == citation["version"] == releases[0][0]
    assert str(citation["date-released"]) == releases[0][1]
    assert "## [Unreleased]" in text
