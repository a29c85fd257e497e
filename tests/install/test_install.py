"""The package as its users install it, by pip and by uv, in empty environments (make test-install).

Needs a package index.
"""

import email
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from hypervae import __version__
from tests.install.conftest import ROOT, run

#: Of the packages that are asked for, these have no wheels; they are Python alone.
PURE = ("connection-pool",)
GENERATE = """
import sys
from pathlib import Path
import hypervae
jets = hypervae.HyperVAE.load(sys.argv[1]).generate(7, seed=1)
print(len(jets), Path(hypervae.__file__).parent)
"""


def test_jets_are_generated_outside_the_repository(installed, saved):
    done = installed.run("hypervae", "generate", "--model", saved, "--output", "g.h5", "--jets", 20)
    assert "g.h5: 20 jets" in done.stdout
    assert "valid shard of 20 jets" in installed.run("hypervae", "validate", "g.h5").stdout
    count, place = installed.run("python", "-c", GENERATE, saved).stdout.split()
    assert int(count) == 7
    assert installed.folder.resolve() in Path(place).resolve().parents


def test_the_weights_that_come_along_are_installed(installed):
    done = installed.run(
        "hypervae", "generate", "--pretrained", "t", "--output", "t.h5", "--jets", 20
    )
    assert "t.h5: 20 jets" in done.stdout


def test_correlators_need_no_extra(installed, saved):
    installed.run("hypervae", "generate", "--model", saved, "--output", "c.h5", "--jets", 5)
    arguments = ("--input", "c.h5", "--output", "e.h5", "--table", "e.csv")
    installed.run("hypervae", "correlators", *arguments)
    assert (installed.away / "e.csv").read_text().startswith("R_L_low,R_L_high,E2C")


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ("simulate --jet-type t --output x.h5", "simulate"),
        ("plot correlators --input in --output x.png", "plot"),
        ("export in --output x.pt", "export"),
    ],
)
def test_other_commands_name_their_extra(installed, arguments, extra):
    (installed.away / "in").write_text("")
    done = installed.run("hypervae", *arguments.split(), check=False)
    assert done.returncode == 1
    advice = rf"which is not installed: pip install 'hypervae\[{extra}\]'"
    assert re.fullmatch(rf"hypervae: error: \w+ needs \w+, {advice}\n", done.stderr)


def test_what_is_installed_fits_together(installed):
    uv = (sys.executable, "-m", "uv", "pip")
    run(*uv, "check", "--python", installed.folder, cwd=installed.away)
    listed = run(*uv, "list", "--python", installed.folder, cwd=installed.away).stdout
    assert re.search(rf"^hypervae +{re.escape(__version__)}$", listed, re.MULTILINE)
    for optional in ("awkward", "lightning", "matplotlib", "snakemake", "jetnet"):
        assert f"\n{optional} " not in listed


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_all_extras_resolve_without_a_compiler(python, tmp_path):
    options = ["--quiet", "--python-version", python, "--extra", "all", "--no-annotate"]
    options += ["--only-binary", ":all:"]
    for package in PURE:
        options += ["--no-binary", package]
    done = run(
        *(sys.executable, "-m", "uv", "pip", "compile", *options, ROOT / "pyproject.toml"),
        cwd=tmp_path,
    )
    names = re.findall(r"^([\w.-]+)==", done.stdout, re.MULTILINE)
    assert {"torch", "pythia8mc", "fastjet", "lightning", "pot", "snakemake"} <= set(names)
    assert not {"wasserstein", "energyflow", "jetnet"} & set(names)


def test_the_wheel_has_every_module_its_types_and_the_weights(wheel):
    with zipfile.ZipFile(wheel) as file:
        packed = {name for name in file.namelist() if name.startswith("hypervae/")}
    sources = [path for path in (ROOT / "hypervae").rglob("*") if path.is_file()]
    sources = [path for path in sources if path.parent.name != "__pycache__"]
    expected = {str(path.relative_to(ROOT)) for path in sources}
    assert "hypervae/py.typed" in expected
    assert "hypervae/pretrained/t/weights.safetensors" in expected
    assert packed == expected


def test_links_of_the_readme_work_on_an_index_page(wheel):
    with zipfile.ZipFile(wheel) as file:
        (metadata,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        message = email.message_from_string(file.read(metadata).decode())
    urls = dict(line.split(", ", 1) for line in message.get_all("Project-URL"))
    here = urls["Repository"]
    links = re.findall(r"\]\(([^)\s]+)\)", message.get_payload())
    assert all(re.match(r"https?://|#", link) for link in links)
    files = [link.replace(f"{here}/blob/main/", "") for link in links if link.startswith(here)]
    workflow = f"{here}/actions/workflows/"  # the badge, and where it leads
    files = [
        name.replace(workflow, ".github/workflows/").removesuffix("/badge.svg") for name in files
    ]
    assert "docs/architecture.md" in files
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_the_sdist_has_what_is_tested_and_run(sdist):
    with tarfile.open(sdist) as file:
        names = {name.split("/", 1)[1] for name in file.getnames()}
    for name in ("Makefile", "workflow/Snakefile", "config/config.yaml", "tests/data/tiny.yaml"):
        assert name in names
    assert not [name for name in names if name.startswith((".venv", "results", ".git/"))]
