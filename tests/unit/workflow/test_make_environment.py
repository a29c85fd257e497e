"""What `make` hands on of the environment: to Snakemake, to Python, and to the set-up."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

# As docs/environment.md has them.
PYTHONS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONOPTIMIZE", "PYTHONINSPECT")
PYTHONS += ("PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE")
OF_PIP = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")
OF_UV = ("UV_PYTHON", "UV_PROJECT_ENVIRONMENT")
ISOLATED = (*PYTHONS, *OF_PIP, *OF_UV, "CDPATH")
HONOURED = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_CONFIG_FILE", "PIP_NO_INDEX")
HONOURED += ("UV_INDEX_URL", "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY")
HONOURED += ("LD_LIBRARY_PATH", "SNAKEMAKE_PROFILE", "BASH_ENV", "XDG_CONFIG_HOME", "TMPDIR")
HONOURED += ("CUDA_VISIBLE_DEVICES", "PYTHONHASHSEED", "PYTHONUNBUFFERED", "LC_ALL", "TZ")
# Each names a file or folder that is not there, so that what is read in spite of it fails.
NOWHERE = "/nowhere/at/all"


@pytest.fixture
def make(tmp_path):
    """`make`, with programs that show what they were called with."""
    show = "import json, os, sys\nprint('SHOWN ' + json.dumps([sys.argv, dict(os.environ)]))\n"
    (tmp_path / "bin").mkdir()
    for name in ("snakemake", "python"):
        program = tmp_path / "bin" / name
        program.write_text(f"#!{sys.executable} -I\n{show}")
        program.chmod(0o755)

    def run(*words, ready=True, **variables):
        if ready:
            (tmp_path / ".installed").write_text("cpu\n")
        command = ["make", "-f", str(ROOT / "Makefile"), f"VENV={tmp_path}", *words]
        for file in (".installed",) * ready:
            command += ["-o", f"{tmp_path}/{file}"]
        for file in (
            "pyproject.toml",
            *(f"requirements/{n}.lock" for n in ("torch", "cpu", "cuda")),
        ):
            command += ["-o", file]
        given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=given)
        lines = [line for line in done.stdout.splitlines() if line.startswith("SHOWN ")]
        return done, [json.loads(line.removeprefix("SHOWN ")) for line in lines]

    return run


@pytest.mark.parametrize(
    "target", ["run", "why", "recover", "cancel", "check", "test", "docs", "lock"]
)
def test_what_is_isolated_and_what_is_honoured(make, target):
    """Of all variables at once, in each program that a target starts."""
    done, shown = make(target, **dict.fromkeys((*ISOLATED, *HONOURED), NOWHERE))
    assert done.returncode == 0, done.stderr
    assert shown
    for _, environment in shown:
        assert [name for name in ISOLATED if name in environment] == []
        assert [name for name in HONOURED if environment.get(name) != NOWHERE] == []


@pytest.mark.parametrize("flags", ["n", "-n", "--dry-run", " -- ARGS=-q", "k", "-j4"])
def test_flags_of_make_are_makes(make, flags):
    done, shown = make("run", MAKEFLAGS=flags)
    assert done.returncode == 0, done.stderr
    assert bool(shown) == ("n" not in flags)  # it shows what it would do, and does nothing
    assert not shown or shown[-1][0][1:3] == ["--cores", str(os.cpu_count())]


def test_what_splits_words_and_finds_folders_elsewhere_changes_no_words(make, tmp_path):
    """IFS of the environment is no shell's, and CDPATH would have `cd` print where it went."""
    plain = make("run", "CONFIG=a b.yaml", "ARGS=-n --quiet")[1][-1][0]
    done, shown = make(
        "run",
        "CONFIG=a b.yaml",
        "ARGS=-n --quiet",
        IFS="-/o",
        CDPATH=f"/:{tmp_path}",
        BASH_ENV=NOWHERE,
        ENV=NOWHERE,
    )
    assert shown[-1][0] == plain
    assert "No such file" not in done.stderr


def test_the_set_up_sees_no_setting_that_leads_elsewhere(tmp_path, monkeypatch):
    """Of the environment, or of pip's own files; where packages come from is the site's matter."""
    monkeypatch.syspath_prepend(str(ROOT / "requirements"))
    install = __import__("install")
    for name in (*ISOLATED, *HONOURED):
        monkeypatch.setenv(name, NOWHERE)
    environment = install.Environment(tmp_path)
    (tmp_path / "bin").mkdir()
    show = "#!/bin/sh\nenv\n"
    (tmp_path / "bin" / "python").write_text(show)
    (tmp_path / "bin" / "python").chmod(0o755)
    seen = dict(
        line.split("=", 1)
        for line in environment.run("-c", "", capture=True).stdout.splitlines()
        if "=" in line
    )
    assert {name: seen[name] for name in (*PYTHONS, *OF_PIP) if name in seen} == {"PIP_USER": "0"}
    assert seen["PIP_INDEX_URL"] == seen["https_proxy"] == NOWHERE


def test_pips_own_files_do_not_lead_to_the_users_folder(tmp_path):
    """`user = true`, as some sites have it, is an error in a virtual environment."""
    (tmp_path / "pip.conf").write_text("[global]\nuser = true\nindex-url = https://site/simple\n")
    code = (
        "from pip._internal.commands.install import InstallCommand as C; "
        "o, _ = C('install', '').parse_args(['x']); print(bool(o.use_user_site), o.index_url)"
    )
    pytest.importorskip("pip")
    for user, expected in (({}, "True"), ({"PIP_USER": "0"}, "False")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), **user},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == [expected, "https://site/simple"]
