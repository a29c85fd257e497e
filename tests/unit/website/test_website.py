"""Links between files become links between pages, and a site with a broken one is refused."""

import json

import pytest

from hypervae.cli import SUBCOMMANDS
from tests.unit.docs.pages import ROOT
from website.check import problems
from website.command_line import helps
from website.notebooks import as_markdown

mkdocs = pytest.importorskip("mkdocs")
hooks = pytest.importorskip("website.hooks")

REPOSITORY = "https://example.org/repo"


@pytest.mark.parametrize(
    ("page", "link", "there"),
    [
        ("generation.md", "model.md", "model.md"),
        ("how-to/export.md", "../model.md#losses", "../model.md#losses"),
        ("data.md", "../config/README.md", "configuration.md"),
        ("how-to/own-jets.md", "../../profiles/README.md", "../clusters.md"),
        ("configuration.md", "../docs/workflow.md", "workflow.md"),
        ("pretrained/t.md", "../../../docs/data.md", "../data.md"),
        ("contributing.md", "docs/architecture.md", "architecture.md"),
        ("model.md", "../benchmarks/jets.py", f"{REPOSITORY}/blob/main/benchmarks/jets.py"),
        ("model.md", "../benchmarks", f"{REPOSITORY}/tree/main/benchmarks"),
        ("model.md", "../no/such/file.py", "../no/such/file.py"),
        ("model.md", "https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_where_a_link_leads(page, link, there):
    assert hooks.with_links(f"see [it]({link}).", page, REPOSITORY) == f"see [it]({there})."


def test_code_is_as_it_was():
    text = "```python\nx[1](../config/README.md)\n```\n"
    assert hooks.with_links(text, "data.md", REPOSITORY) == text


def test_the_files_that_are_pages_are_there():
    assert [source for source in hooks.PAGES if not (ROOT / source).is_file()] == []


def test_the_page_of_the_command_line_has_every_subcommand():
    text = helps()
    assert hooks.PLACE in (ROOT / "docs" / hooks.COMMAND_LINE).read_text()
    for name in SUBCOMMANDS:
        assert f"## hypervae {name}\n" in text
    for option in ("--pretrained", "--flow-evaluations", "--model.latent-dim", "--html"):
        assert option in text
    assert "## hypervae plot summary\n" in text
    assert "Usage: hypervae plot summary [OPTIONS]" in text


def test_a_notebook_is_a_page_of_its_cells(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Text."]},
        {"cell_type": "code", "source": ["a = 1\n", "a"], "outputs": []},
    ]
    path = tmp_path / "some.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "cells": cells}))
    text = as_markdown(path)
    assert text.startswith("# Title\n")
    assert "[some.ipynb](some.ipynb)" in text
    assert text.endswith("Text.\n\n```python\na = 1\na\n```\n")


def site(folder, body):
    (folder / "other").mkdir()
    (folder / "other" / "index.html").write_text('<h2 id="there">x</h2>')
    (folder / "picture.png").write_bytes(b"")
    (folder / "index.html").write_text(body)
    return problems(folder)


def test_a_good_site_has_no_problems(tmp_path):
    body = '<a href="other/#there">a</a><a href="https://example.org">b</a><img src="picture.png">'
    assert site(tmp_path, body) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="gone/">a</a>', "index.html: no file for gone/"),
        ('<a href="other/#gone">a</a>', "index.html: no anchor for other/#gone"),
        ('<a href="#gone">a</a>', "index.html: no anchor for #gone"),
        ('<img src="gone.png">', "index.html: no file for gone.png"),
        (
            '<script src="https://e.org/x.js"></script>',
            "index.html: loads https://e.org/x.js",
        ),
        (
            '<link rel="stylesheet" href="//e.org/x.css">',
            "index.html: loads //e.org/x.css",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, body, problem):
    assert site(tmp_path, body) == [problem]
