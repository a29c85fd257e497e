"""Figures on pages of their own, with their captions."""

import base64
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from hypervae.cli.commands.plot import command
from hypervae.plotting import evaluation
from hypervae.plotting.captions import CAPTIONS, caption, evaluation_caption
from hypervae.plotting.models import MODEL_FIGURES
from hypervae.plotting.names import jets_called
from hypervae.plotting.page import paragraphs


def picture_of(page):
    """The picture that is in a page."""
    return base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', page).group(1))


def test_every_figure_has_a_caption():
    assert set(CAPTIONS) >= {*MODEL_FIGURES, "summary"}
    for name in CAPTIONS:
        found = caption(name, "model <x>")
        assert "model <x>" in found
        assert "{" not in found
        assert all("\n" not in paragraph for paragraph in found.split("\n\n"))
    for name in evaluation.FIGURES:
        assert "top-quark jets of model first" in evaluation_caption(name, "first", "t")
    assert jets_called("", "x") == "x jets"


def test_captions_become_html_and_nothing_else_does():
    assert paragraphs("a ``b<c`` **d**\n\n& e\n") == (
        "<p>a <code>b&lt;c</code> <b>d</b></p>\n<p>&amp; e</p>\n"
    )


@pytest.mark.parametrize("kind", ["history", "summary"])
def test_the_page_holds_the_figure_and_its_caption(kind, tmp_path, write_history, write_results):
    png, page = tmp_path / "f.png", tmp_path / "f.html"
    given = {
        "history": ["--input", write_history(), "--title", "model <t>"],
        "summary": [write_results(), "--table", tmp_path / "t.csv"],
    }[kind]
    line = [kind, *given, "--output", png, "--page", page, "--dpi", "40"]
    done = CliRunner().invoke(command, list(map(str, line)), catch_exceptions=False)
    assert done.exit_code == 0
    text = page.read_text()
    assert picture_of(text) == png.read_bytes()
    assert "max-width: 100%" in text  # never wider than the window
    assert {"history": "Training of model &lt;t&gt;", "summary": "<b>truth floor</b>"}[kind] in text


def test_an_evaluation_has_a_page_for_each_figure(tmp_path, write_arrays, monkeypatch):
    some = ("correlators", "image")
    kept = {name: evaluation.FIGURES[name] for name in some}
    monkeypatch.setattr(evaluation, "FIGURES", kept)
    line = ["observables", "--arrays", write_arrays(jet_type="t"), "--folder", tmp_path / "out"]
    done = CliRunner().invoke(command, [*map(str, line), "--dpi", "40"], catch_exceptions=False)
    assert done.exit_code == 0
    for name in evaluation.FIGURES:
        text = Path(tmp_path / "out" / f"{name}.html").read_text()
        assert picture_of(text) == (tmp_path / "out" / f"{name}.png").read_bytes()
        assert "top-quark jets of model toy" in text
