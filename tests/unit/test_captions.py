"""The captions of the report: they render with what the report gives them, to valid text."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

REPORT = Path(__file__).parents[2] / "workflow" / "report"
CONFIG = {
    "data": {"jet_types": {"g": {"source": "pythia"}, "t": {"source": "files"}}},
    "models": {"first": {"jet_types": ["g", "t"]}, "second": {"jet_types": ["g"]}},
}
WILDCARDS = {
    "observables": {"model": "first", "jet_type": "t"},
    "compared_correlators": {"model": "first", "jet_type": "t"},
    "image": {"model": "first", "jet_type": "t"},
    "history": {"model": "first"},
    "correlators": {"model": "first"},
    "equivariance": {"model": "first"},
    "latent": {"model": "first"},
    "reconstruction": {"model": "first"},
    "summary": {},
    "workflow": {},
}


def rendered(name):
    text = (REPORT / f"{name}.rst").read_text(encoding="utf-8")
    snakemake = SimpleNamespace(config=CONFIG, wildcards=SimpleNamespace(**WILDCARDS[name]))
    return Environment(undefined=StrictUndefined).from_string(text).render(snakemake=snakemake)


@pytest.mark.parametrize("name", WILDCARDS)
def test_captions_render_without_a_complaint(name):
    # Level 2: a warning of docutils is an error here.
    strict = {"halt_level": 2, "report_level": 2, "raw_enabled": False}
    body = publish_parts(rendered(name), writer="html", settings_overrides=strict)["body"]
    assert len(body) > 200
    assert "{" not in body
    for value in WILDCARDS[name].values():
        assert value in body


def test_every_caption_is_tested():
    assert {path.stem for path in REPORT.glob("*.rst")} == set(WILDCARDS)


def test_workflow_names_models_and_sources():
    text = rendered("workflow")
    assert "**first** (g, t), **second** (g)." in text
    assert "g come from pythia, t come from files." in text


@pytest.mark.parametrize("name", ["workflow", "observables"])
def test_the_truth_floor_is_explained(name):
    assert "truth floor" in rendered(name)
    assert "training" in rendered(name)
