"""Notebooks as pages of the site: what stands in their cells, in order."""

from __future__ import annotations

import json
from pathlib import Path

_NOTE = """!!! note
    This page is a notebook: [{name}]({name}). A test runs it from top to bottom; it is kept
    without outputs.
"""


def as_markdown(path: Path) -> str:
    """The cells of a notebook in Markdown, with a link to the notebook itself under its title.

    Parameters
    ----------
    path : Path
        The notebook (nbformat 4). Outputs, if it has any, are left out.

    Returns
    -------
    str
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"]).strip()
        parts.append(f"```python\n{text}\n```" if cell["cell_type"] == "code" else text)
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{title}\n\n{_NOTE.format(name=path.name)}\n{rest}\n"
