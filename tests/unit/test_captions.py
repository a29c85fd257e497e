"""The captions of the report: they render with what the report gives them, to valid text."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

from hypervae.plotting.captions import CAPTIONS, caption, evaluation_caption
from hypervae.plotting.evaluation import FIGURES

REPORT = Path(__file__).parents[2] / "workflow" / "report"
CONFIG = {
    "data": {"jet_types": {"g": {"source": "pythia"}, "t": {"source": "files"}}},
    "models": {"first": {"jet_types": ["g", "t"]}, "second": {"jet_types": ["g"]}},
}
PLACES = {"model": "first", "jet_type": "t"}
EVALUATION = {name: evaluation_caption(name, "first", "t") for name in FIGURES}
#: Of each caption, the params of its rule, and what must stand in it.
CAPTION_FILES = {
    **{name: ({"captions": EVALUATION}, "top-quark jets of model first") for name in FIGURES},
    "figure": ({"caption": caption("history", "model first")}, "model first"),
    "equivariance": ({}, "first"),
    "overview": ({}, "measured by others"),
    "workflow": ({}, "first"),
}


def rendered(name, params=None, files=()):
    text = (REPORT / f"{name}.rst").read_text(encoding="utf-8")
    snakemake = SimpleNamespace(
        config=CONFIG,
        wildcards=SimpleNamespace(**PLACES),
        params=SimpleNamespace(**CAPTION_FILES[name][0] if params is None else params),
    )
    # as Snakemake sets it up, but strict
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(snakemake=snakemake, files=list(files))


def as_html(text):
    # Level 2: a warning of docutils is an error here.
    return publish_parts(
        text, writer_name="html", settings_overrides={"halt_level": 2, "report_level": 2}
    )["html_body"]


@pytest.mark.parametrize("name", CAPTION_FILES)
def test_captions_render_without_a_complaint(name):
    body = as_html(rendered(name))
    assert len(body) > 200
    assert "{" not in body
    assert CAPTION_FILES[name][1] in body


@pytest.mark.parametrize("name", CAPTIONS)
def test_what_figures_show_is_valid_text(name):
    assert "<p>" in as_html(rendered("figure", {"caption": caption(name, "model first")}))


def test_every_caption_is_tested():
    assert {path.stem for path in REPORT.glob("*.rst")} == set(CAPTION_FILES)


def test_the_report_opens_with_the_overview_where_there_is_one(tmp_path):
    page = tmp_path / "overview.html"
    page.write_text("<div class='x'><b>What was run</b></div>")
    files = [SimpleNamespace(target=path.name, path=path) for path in (tmp_path / "o.csv", page)]
    body = as_html(rendered("workflow", files=files))
    assert "<div class='x'><b>What was run</b></div>" in body
    assert "Models:" not in body


def test_workflow_names_models_sources_and_what_is_exact():
    text = rendered("workflow")
    assert "**first** (g, t), **second** (g)." in text
    assert "g come from pythia, t come from files." in text
    assert "rotations about the beam" in text


@pytest.mark.parametrize("name", ["workflow", "jets"])
def test_the_truth_floor_is_explained(name):
    assert "truth floor" in rendered(name)
    assert "training" in rendered(name)
