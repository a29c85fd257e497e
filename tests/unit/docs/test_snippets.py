"""The code in the documentation runs."""

import ast
from importlib import import_module

import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from tests.unit.docs.pages import PAGES, ROOT, blocks, words

#: Fewer jets than a reader would take.
SMALLER = {"10_000": "120", "10000": "120", "--jets 1000": "--jets 120", "1_000": "120"}
PYTHON = [
    (page, index, block.text)
    for page in PAGES
    for index, block in enumerate(blocks(page))
    if block.language == "python"
]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README", "docs/tutorial", "docs/how-to/own-jets"])
def test_a_page_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {}
    ran = 0
    for block in blocks(ROOT / f"{name}.md"):
        text = block.text
        for number, fewer in SMALLER.items():
            text = text.replace(number, fewer)
        if block.language == "python":
            exec(compile(text, name, "exec"), known)
            ran += 1
        elif block.language in ("", "console"):
            for line in text.replace("\\\n", " ").splitlines():
                for found in words(line):
                    done = CliRunner().invoke(cli, found)
                    assert done.exit_code == 0, (line, done.output, done.exception)
                    ran += 1
    assert ran >= 3


@pytest.mark.parametrize(
    ("page", "index", "text"),
    PYTHON,
    ids=[f"{page.relative_to(ROOT)}-{index}" for page, index, _ in PYTHON],
)
def test_what_python_imports_is_there(page, index, text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            module = import_module(node.module)
            assert [one.name for one in node.names if not hasattr(module, one.name)] == []
        elif isinstance(node, ast.Import):
            for one in node.names:
                import_module(one.name)
