"""A figure on a page of its own, with its caption below: what the report shows of it."""

from __future__ import annotations

import base64
import html
import os
import re
from pathlib import Path

from hypervae.io import write_text
from hypervae.io.guarded import guarded

_STYLE = """
body { font: 14px/1.45 sans-serif; margin: 1em 1.5em; color: #222; }
img { max-width: 100%; height: auto; }
p { max-width: 60em; }
"""


@guarded(reads=("picture",), writes=("path",))
def write_page(
    path: str | os.PathLike[str], title: str, picture: str | os.PathLike[str], caption: str
) -> None:
    """Write a page with a figure, atomically; the figure is in the page.

    Parameters
    ----------
    path : path-like
    title : str
    picture : path-like
        The figure (PNG).
    caption : str
        As `hypervae.plotting.captions.caption` gives it.
    """
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><figure style='margin:0'>{embedded(picture, title)}\n"
        f"<figcaption>{paragraphs(caption)}</figcaption></figure></body></html>\n"
    )
    write_text(path, text)


def embedded(picture: str | os.PathLike[str], title: str) -> str:
    """A picture as an HTML element that holds it.

    Parameters
    ----------
    picture : path-like
        PNG.
    title : str
        What it shows, for those who cannot see it.

    Returns
    -------
    str
    """
    data = base64.b64encode(Path(picture).read_bytes()).decode("ascii")
    return f'<img alt="{html.escape(title)}" src="data:image/png;base64,{data}">'


def paragraphs(text: str) -> str:
    """Paragraphs of reStructuredText with ``code`` and **bold** as HTML.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    marked = re.sub(r"``(.+?)``", r"<code>\1</code>", html.escape(text, quote=False))
    marked = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", marked)
    return "".join(f"<p>{part}</p>\n" for part in marked.strip().split("\n\n"))
