"""Create or repair the project's virtual environment (``make setup``).

Usage: ``python requirements/install.py VENV [--torch cpu|cuda] [--torch-index URL|none]``. Standard
library only. Run again after an interruption, it mends what is missing; run again after success, it
does nothing.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3

LOCKS = ("torch.lock", "cpu.lock", "cuda.lock")

#: Settings of pip that lead elsewhere; of where packages come from, its settings are honoured.
FOREIGN = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")

#: Run by the environment's Python: print each locked package that is absent, of another version, or
#: lacks files (an installation that was killed leaves such ones, and pip takes them for complete),
#: with its hashes, in one line.
FIND_BROKEN = """
import importlib.metadata as metadata, pathlib, sys
from pip._vendor.packaging.requirements import Requirement
for line in pathlib.Path(sys.argv[1]).read_text().replace("\\\\\\n", "").splitlines():
    line = line.partition("#")[0].strip()
    if not line:
        continue
    wanted = Requirement(line.partition(" --hash=")[0])
    if wanted.marker and not wanted.marker.evaluate():
        continue
    try:
        package = metadata.distribution(wanted.name)
    except metadata.PackageNotFoundError:
        print(line)
        continue
    files = package.files
    if not wanted.specifier.contains(package.version, prereleases=True) or not files:
        print(line)
    elif not all(f.locate().exists() for f in files if f.suffix != ".pyc"):
        print(line)
"""


class SetupError(Exception):
    """The environment cannot be made; the message says why."""


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(f"[setup] {text}", flush=True)


def cuda_driver() -> str | None:
    """Return the name of the GPU and the version of its driver, or None."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip().replace("\n", "; ") if answer.returncode == 0 else None


def answers(url: str) -> bool:
    """Tell whether an index answers within a few seconds (one try; proxies are respected)."""
    request = urllib.request.Request(url.rstrip("/") + "/torch/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        # The server is there and knows the directory, but not this method or page.
        return error.code in {403, 405}
    except (OSError, ValueError):
        return False


def torch_index(torch: str, wanted: str | None) -> str | None:
    """Choose the extra index that torch may come from, if any."""
    if wanted == "none":
        return None
    if wanted:
        return wanted
    if torch == "cuda":
        return None  # the plain index serves the CUDA build, and cuda.lock has its libraries
    if answers(CPU_INDEX):
        return CPU_INDEX
    say(f"{CPU_INDEX} does not answer: torch comes from the configured package index")
    return None


class Environment:
    """A virtual environment, and what is done in it.

    Parameters
    ----------
    path : Path
        Its directory, made on demand.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.python = path / "bin" / "python"
        self.stamp = path / ".installed"

    def run(self, *arguments: str, check: bool = True, capture: bool = False):
        """Run the environment's Python in isolation from what the caller has for another one."""
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTHON") and name not in FOREIGN
        }
        variables["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        variables["PIP_USER"] = "0"  # before what a site's pip.conf says
        command = [str(self.python), *arguments]
        result = subprocess.run(command, env=variables, text=True, capture_output=capture)
        if check and result.returncode:
            detail = "\n" + (result.stderr or "") if capture else ""
            raise SetupError(f"failed: {' '.join(command)}{detail}")
        return result

    def usable(self) -> bool:
        """Tell whether the environment's Python runs, is new enough and has pip."""
        probe = "import sys, pip._internal; sys.exit(sys.version_info < (3, 11))"
        try:
            return self.run("-c", probe, check=False, capture=True).returncode == 0
        except OSError:
            return False

    def version(self) -> str:
        """Return the version of the environment's Python."""
        probe = "import platform; print(platform.python_version())"
        return self.run("-c", probe, capture=True).stdout.strip()

    def create(self) -> None:
        """Make the environment, in place of an unusable one."""
        if self.usable():
            if self.version() != platform.python_version():
                say(f"{self.path.name} keeps its Python {self.version()}; remove it to change that")
            return
        if self.path.exists():
            if not (self.path / "pyvenv.cfg").exists() and any(self.path.iterdir()):
                raise SetupError(f"{self.path} exists and is no virtual environment: move it away")
            say(f"{self.path.name} is broken: made anew")
            shutil.rmtree(self.path)
        say(f"creating {self.path.name} with Python {platform.python_version()} ({sys.executable})")
        done = subprocess.run([sys.executable, "-m", "venv", str(self.path)])
        if done.returncode:
            raise SetupError("python -m venv failed (Debian, Ubuntu: apt install python3-venv)")

    def pip_install(self, *arguments: str) -> None:
        """Run ``pip install``, without compiling: most of the 15,000 modules are never imported.

        Always by wheels: pip before 23.1 runs a ``setup.py`` otherwise, as Debian's does, and what
        that installs has no record of its files.
        """
        self.run("-m", "pip", "install", "-qq", "--no-compile", "--use-pep517", *arguments)

    def broken(self, lock: Path) -> list[str]:
        """Return the entries of a lock whose package is absent, incomplete or another version."""
        return self.run("-c", FIND_BROKEN, str(lock), capture=True).stdout.splitlines()

    def sweep(self) -> None:
        """Remove the traces of killed installations that pip itself stumbles over."""
        for packages in self.path.glob("lib/python3*/site-packages"):
            half_done = [d for d in packages.glob("*.dist-info") if not (d / "RECORD").exists()]
            for directory in [*half_done, *packages.glob("~*")]:
                shutil.rmtree(directory, ignore_errors=True)

    def install_lock(self, lock: Path, *options: str) -> None:
        """Install what a lock names and the environment lacks, then check that every file is there.

        Raises
        ------
        SetupError
            If pip fails, or if packages are incomplete after two tries.
        """
        for _ in range(2):
            missing = self.broken(lock)
            if not missing:
                return
            about = " (about two minutes)" if len(missing) > 50 else ""
            say(f"installing {len(missing)} packages of requirements/{lock.name}{about}")
            todo = self.path / "to-install.txt"
            self.sweep()
            todo.write_text("\n".join(missing) + "\n")
            self.pip_install("--no-deps", "--force-reinstall", *options, "-r", str(todo))
            todo.unlink()
        missing = self.broken(lock)
        if missing:
            names = ", ".join(entry.split()[0] for entry in missing)
            raise SetupError(f"still incomplete after two tries: {names}")

    def torch_state(self) -> tuple[str, str]:
        """Return ("cpu" | "cuda" | "broken", the version or the last line of the error)."""
        probe = "import torch; print(torch.version.cuda or '', torch.__version__, sep='|')"
        result = self.run("-c", probe, check=False, capture=True)
        if result.returncode:
            return "broken", (result.stderr.strip().splitlines() or ["no message"])[-1]
        cuda, _, version = result.stdout.strip().splitlines()[-1].partition("|")
        return ("cuda" if cuda else "cpu"), version


def install(environment: Environment, torch: str, wanted_index: str | None) -> None:
    """Bring the environment to the state that the locks describe."""
    environment.create()
    index = torch_index(torch, wanted_index)
    options = ["--extra-index-url", index] if index else []
    state, _ = environment.torch_state()
    if (torch, state) == ("cuda", "cpu") or ((torch, state) == ("cpu", "cuda") and index):
        say(f"replacing the {state.upper()} build of torch")
        environment.run("-m", "pip", "uninstall", "--quiet", "--yes", "torch")
    environment.install_lock(HERE / "torch.lock", *options)
    environment.install_lock(HERE / "cpu.lock")
    state, detail = environment.torch_state()
    if torch == "cuda" and state == "cpu":
        raise SetupError(
            f"TORCH=cuda was asked for, but the package index serves the CPU build ({detail}); "
            "name an index that has the CUDA build: make setup TORCH=cuda TORCH_INDEX=URL"
        )
    if torch == "cuda" and index:
        # Not the plain index's CUDA version: only that build's metadata names its libraries.
        environment.pip_install(*options, "-r", str(HERE / "torch.lock"))
    elif torch == "cuda" or state == "broken":
        if torch == "cpu":
            say(f"torch needs the CUDA libraries: {detail}")
            say("the index served the CUDA build; TORCH_INDEX=URL names one that has the CPU build")
        environment.install_lock(HERE / "cuda.lock")
    state, detail = environment.torch_state()
    if state == "broken":
        raise SetupError(f"import torch fails: {detail}")
    say(f"torch {detail} ({state.upper()} build)")
    environment.pip_install("--no-deps", "--no-build-isolation", "--editable", str(PROJECT))
    say("importing every dependency once")  # finds faults now, and compiles what is used
    checked = environment.run(str(HERE / "check.py"), check=False, capture=True)
    if checked.returncode:
        raise SetupError(f"dependencies fail to import:\n{checked.stdout}{checked.stderr}")


def fingerprint(torch: str) -> str:
    """Return what the stamp holds: the choice of torch and a digest of the files that matter."""
    digest = hashlib.sha256(str(PROJECT).encode())
    for path in (*(HERE / name for name in LOCKS), PROJECT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return f"{torch} {digest.hexdigest()}"


def main() -> int:
    """Install, and leave a stamp that make compares with the locks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("venv", type=Path)
    parser.add_argument("--torch", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--torch-index", default=None, help="URL of torch's index, or 'none'")
    arguments = parser.parse_args()
    environment = Environment(arguments.venv.resolve())
    start = time.monotonic()
    wanted = fingerprint(arguments.torch)
    gpu = cuda_driver()
    say(f"CUDA driver: {gpu or 'none found (nvidia-smi does not answer)'}")
    if gpu and arguments.torch == "cpu":
        say("the CPU build of torch is installed; `make setup TORCH=cuda` would use the GPU")
    try:
        if (
            environment.stamp.exists()
            and environment.stamp.read_text() == wanted
            and environment.usable()
        ):
            say("nothing to do: the locks have not changed")
        else:
            environment.stamp.unlink(missing_ok=True)
            install(environment, arguments.torch, arguments.torch_index)
    except SetupError as error:
        say(f"error: {error}")
        return 1
    environment.stamp.write_text(wanted)
    say(f"ready after {time.monotonic() - start:.0f} s: {environment.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
