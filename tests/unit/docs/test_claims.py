"""What the README and CITATION.cff say of versions, figures, licence and sources."""

import re
import tomllib

import yaml

from benchmarks.readme_table import row, with_table
from hypervae import __version__
from tests.unit.docs.pages import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_table_is_that_of_the_cards():
    assert with_table(README) == README, "run python -m benchmarks.readme_table"
    assert [row(kind) in README.splitlines() for kind in "gqtwz"] == 5 * [True]
    assert row("t").count("±") == 7


def test_badges_say_what_the_package_says():
    versions = [
        line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)
    ]
    assert f"python-{versions[0]}_to_{versions[-1]}-" in README
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert f"licence-{PROJECT['license']}-" in README


def test_a_badge_of_a_workflow_is_of_one_that_is_there():
    for name in re.findall(r"actions/workflows/([\w.-]+\.yml)", README):
        assert (ROOT / ".github" / "workflows" / name).is_file()


def test_bibtex_has_the_version_and_the_year_of_the_citation():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert f"version = {{{__version__}}}" in README
    assert f"year    = {{{citation['date-released'].year}}}" in README
    assert f"title   = {{{citation['title']}}}" in README


def test_the_citation_names_what_is_cited_in_the_readme():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = set(re.findall(r"arxiv\.org/abs/([\d.]+)", README))
    assert {"2203.11601", "1111.6097"} <= cited
    assert {name for name in cited if f"arxiv.org/abs/{name}" not in text} == set()


def test_a_page_of_a_minute():
    assert len(README.splitlines()) <= 150
    assert (ROOT / "docs" / "jets.png").stat().st_size < 200_000
