"""Import every direct dependency and print its version (``make check``); exit 1 if one fails."""

import importlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import types
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Packages whose module has another name.
MODULES = {
    "mkdocs-material": "material",
    "pot": "ot",
    "py-rattler": "rattler",
    "pytest-xdist": "xdist",
    "pyyaml": "yaml",
}


def direct_dependencies() -> list[str]:
    """Return the names in base.in and dev.in, in their order."""
    text = "".join((HERE / name).read_text() for name in ("base.in", "dev.in"))
    return re.findall(r"^([A-Za-z][\w.-]*)", text, re.MULTILINE)


def module_of(name: str) -> str:
    """Return the module that a package is imported as."""
    return MODULES.get(name.lower(), name.lower().replace("-", "_"))


def gpu() -> str:
    """Return what the driver and torch say about GPUs."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        driver = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        driver = "no driver"
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    return f"{driver}; torch: {build}, {torch.cuda.device_count()} usable"


def main() -> int:
    """Print the report."""
    print(f"{'Python':<34}{platform.python_version()}  {sys.executable}")
    print(f"{'system':<34}{platform.platform()}, {os.cpu_count()} processors")
    # energyflow imports it for its EMDs, which nothing calls; no release is built for NumPy 2.
    sys.modules["wasserstein"] = types.ModuleType("wasserstein")
    failed = 0
    for name in direct_dependencies():
        try:
            importlib.import_module(module_of(name))
            print(f"{name:<34}{importlib.metadata.version(name)}")
        except Exception as error:  # whatever a package raises at import is the finding
            failed += 1
            print(f"{name:<34}FAILED: {type(error).__name__}: {error}")
    print(f"{'GPU':<34}{gpu()}")
    if failed:
        print(
            f"{failed} dependencies failed to import; `make setup` mends an incomplete environment"
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
