"""Fixtures: the package's files, a small model, environments with nothing but the package."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.unit.chain import MODEL, chain  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
#: The same build as here: pip and uv alone would take the newest, and by gigabytes that for GPUs.
TORCH = f"torch=={version('torch')}"


def run(*command, cwd, check=True):
    """Run a program without this environment's variables, and return what it said."""
    own = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    variables = {name: value for name, value in os.environ.items() if name not in own}
    if links := pip_setting("find-links"):
        variables["UV_FIND_LINKS"] = ",".join(links.split())
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done


def pip_setting(name):
    """A setting of pip, for uv, which does not read them."""
    for place in (f":env:.{name}", f"global.{name}"):
        command = [sys.executable, "-m", "pip", "config", "get", place]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return ""


def torch_index():
    """Options for the index that ``make setup`` takes torch from, if any."""
    spec = importlib.util.spec_from_file_location("setup", ROOT / "requirements" / "install.py")
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    index = setup.torch_index("cpu" if "+cpu" in TORCH else "cuda", None)
    return ["--extra-index-url", index] if index else []


@pytest.fixture(scope="session")
def sdist(tmp_path_factory):
    """The source distribution; beside it lies the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", folder, ROOT, cwd=folder)
    (file,) = folder.glob("*.tar.gz")
    return file


@pytest.fixture(scope="session")
def wheel(sdist):
    (file,) = sdist.parent.glob("*.whl")
    return file


@dataclass
class Installed:
    """An environment.

    Attributes
    ----------
    folder : Path
        Of the environment.
    away : Path
        An empty folder outside the repository, from which programs are run.
    """

    folder: Path
    away: Path

    def run(self, program, *arguments, check=True):
        """Run one of its programs."""
        return run(self.folder / "bin" / program, *arguments, cwd=self.away, check=check)


@pytest.fixture(scope="session", params=["pip", "uv"])
def installed(request, tmp_path_factory):
    """An environment with the core alone: the sdist by pip, or the wheel by uv."""
    folder = tmp_path_factory.mktemp(request.param)
    made = Installed(folder / "env", folder / "away")
    made.away.mkdir()
    if request.param == "pip":
        run(sys.executable, "-m", "venv", made.folder, cwd=folder)
        options = ["--quiet", "--no-compile", "--disable-pip-version-check", *torch_index()]
        made.run("pip", "install", *options, TORCH, request.getfixturevalue("sdist"))
    else:
        uv = [sys.executable, "-m", "uv"]
        run(*uv, "venv", "--quiet", "--python", sys.executable, made.folder, cwd=folder)
        options = ["--quiet", "--python", made.folder, *torch_index()]
        options += ["--index-strategy", "unsafe-best-match"]
        run(*uv, "pip", "install", *options, TORCH, request.getfixturevalue("wheel"), cwd=folder)
    return made


@pytest.fixture(scope="session")
def saved(chain, tmp_path_factory):  # noqa: F811
    """Folder of a small model of gluon jets, as a training leaves it, with its initial weights."""
    import torch

    from hypervae.formats.normalization import read_normalization
    from hypervae.model import HyperVAE

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("saved")
    path = chain.of("g")[2]
    HyperVAE(read_normalization(path), ["g"], MODEL).save(folder, path)
    return folder
