"""The table of the README, from the cards of the pretrained weights.

``python -m benchmarks.readme_table`` writes its rows anew; a test says where they are not current.
"""

from __future__ import annotations

import re
from pathlib import Path

from hypervae.io import write_text
from hypervae.model.pretrained import pretrained_folder

README = Path(__file__).resolve().parents[1] / "README.md"
#: By jet type, the first cell of its row.
ROWS = {"g": "gluon", "q": "light quark", "t": "top", "w": "W", "z": "Z"}
#: Columns, and what the cards call them.
COLUMNS = {
    "W1 mass": "W1M",
    "W1 EFPs": "W1EFP",
    "E2C": "deviation of E2C",
    "E3C": "deviation of E3C",
    "tau21": "W1 of tau21",
    "tau32": "W1 of tau32",
}


def with_table(readme: str) -> str:
    """The README whose table holds what the cards say.

    Parameters
    ----------
    readme : str
        With the table, whose first line is ``| jets |...``.
    """
    head = "| " + " | ".join(["jets", *COLUMNS, "AUC"]) + " |"
    lines = [head, "|" + "---|" * (len(COLUMNS) + 2), *(row(jet_type) for jet_type in ROWS)]
    return re.sub(r"^\| jets \|.*\n(\|.*\n)+", "\n".join(lines) + "\n", readme, flags=re.MULTILINE)


def row(jet_type: str) -> str:
    """The row of a jet type."""
    card = (pretrained_folder(jet_type) / "card.md").read_text(encoding="utf-8")
    number = r"[\d.]+ ± [\d.]+"
    found = [
        re.search(rf"^\| {name} \| ({number}) \|$", card, re.MULTILINE) for name in COLUMNS.values()
    ]
    found.append(re.search(rf"AUC of ({number})", card))
    cells = [match[1] for match in found if match]
    return "| " + " | ".join([ROWS[jet_type], *cells]) + " |"


if __name__ == "__main__":
    write_text(README, with_table(README.read_text(encoding="utf-8")))
