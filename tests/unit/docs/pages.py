"""The pages of the documentation, and the code in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "hypervae" / "pretrained").rglob("*.md"),
        *(ROOT / folder / "README.md" for folder in ("config", "profiles", "requirements")),
    ]
)
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1``` *$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of code: its language ("" if none is said) and its text."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(found[2], found[3]) for found in _FENCE.finditer(page.read_text("utf-8"))]


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each ``hypervae SUBCOMMAND ...`` in blocks and in indented or quoted code."""
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    indented = re.findall(r"^ {4,}(\S.*)$", _FENCE.sub("", text), re.MULTILINE)
    fenced = [block.text for block in blocks(page) if block.language not in ("python", "yaml")]
    for code in (*fenced, *indented, *inline):
        for line in re.sub(r"\\\n", " ", code).splitlines():
            yield from words(line)


def words(line: str) -> Iterator[list[str]]:
    """The words of each ``hypervae ...`` in a line of a shell."""
    for part in re.split(r"\s*(?:;|&&|\|\s|->)\s*", line):
        found = re.search(r"(?:^|[\s$])(?<!from )hypervae ([a-z].*)$", part)
        if found:
            yield shlex.split(found[1], comments=True)
