"""Record what the library computes now: ``python -m tests.unit.net.record [NAME ...]``.

Values are recorded anew only where a change of what is computed is meant, with the reason in the
commit's message. A change of the library's interface is no reason: `tests.unit.net.subject` follows
it. Without names all cases are recorded, with names those whose name starts with one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.unit.net.cases import CASES

STORED = Path(__file__).with_name("values.json")


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and arrays as JSON has them; those in single precision with the digits they have."""
    found = {}
    for name, value in values.items():
        array = np.asarray(value)
        if array.dtype == np.float32:
            array = array.astype(str).astype(np.float64)
        found[name] = array.tolist()
    return found


def stored() -> dict[str, dict[str, Any]]:
    """The recorded values by case."""
    return json.loads(STORED.read_text()) if STORED.exists() else {}


def write(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Write all cases, a line for each array."""
    parts = []
    for case, values in found.items():
        lines = ",\n".join(
            f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in values.items()
        )
        parts.append(f"  {json.dumps(case)}: {{\n{lines}\n  }}")
    STORED.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def main(names: list[str]) -> None:
    """Record the cases that are named."""
    found = stored()
    for name, case in CASES.items():
        if not names or any(name.startswith(start) for start in names):
            found[name] = plain(case.compute())
            print(name)
    write({name: found[name] for name in CASES if name in found})


if __name__ == "__main__":
    main(sys.argv[1:])
