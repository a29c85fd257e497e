"""What the README and CITATION.cff say of versions, figures, licence and sources."""

import re
import tomllib

import yaml

from hypervae import __version__
from hypervae.model.pretrained import pretrained_folder
from tests.unit.docs.pages import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ROWS = {"g": "gluon", "q": "light quark", "t": "top", "w": "W", "z": "Z"}
#: Of the table: what the card calls it.
COLUMNS = {
    "W1 mass": "W1M",
    "W1 EFPs": "W1EFP",
    "E2C": "deviation of E2C",
    "E3C": "deviation of E3C",
    "tau21": "W1 of tau21",
    "tau32": "W1 of tau32",
}


def test_the_table_is_that_of_the_cards():
    head = next(line for line in README.splitlines() if line.startswith("| jets |"))
    assert [cell.strip() for cell in head.split("|")[2:-1]] == [*COLUMNS, "AUC"]
    for kind, name in ROWS.items():
        card = (pretrained_folder(kind) / "card.md").read_text(encoding="utf-8")
        wanted = []
        for title in COLUMNS.values():
            found = re.search(rf"^\| {title} \| ([\d.]+ ± [\d.]+) \|$", card, re.MULTILINE)
            wanted.append(found[1])
        wanted.append(re.search(r"AUC of ([\d.]+ ± [\d.]+)", card)[1])
        row = next(line for line in README.splitlines() if line.startswith(f"| {name} |"))
        assert [cell.strip() for cell in row.split("|")[2:-1]] == wanted


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
