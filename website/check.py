"""The built site as a browser sees it: links that lead nowhere, and what it loads from afar."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Elements that load what they name, and the attribute that names it. An `a` only leads there.
LOADING = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
#: Kinds of `link` that a browser does not load.
_NAMING = {"canonical", "next", "prev", "edit"}


class _Page(HTMLParser):
    """Names that can be linked to, where links lead, and what is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = {""}
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        attribute = LOADING.get(tag)
        if attribute in given and given.get("rel") not in _NAMING:
            self.loaded.append(given[attribute])


def problems(site: Path) -> list[str]:
    """What is wrong with a site, a line each.

    Parameters
    ----------
    site : Path
        The folder that it was built into.

    Returns
    -------
    list of str
    """
    pages: dict[Path, _Page] = {}
    for path in sorted(site.rglob("*.html")):
        # Its links start at the root of a server, as it is shown for any address.
        if path != site / "404.html":
            pages[path.resolve()] = page = _Page()
            page.feed(path.read_text(encoding="utf-8"))
    found = []
    for path, page in pages.items():
        place = path.relative_to(site.resolve())
        found += [f"{place}: loads {what}" for what in page.loaded if _remote(what)]
        here = [what for what in page.loaded if not _remote(what)]
        found += [f"{place}: {text}" for text in _broken(path, [*page.links, *here], pages)]
    for style in sorted(site.rglob("*.css")):
        text = style.read_text(encoding="utf-8")
        if "url(http" in text or "url(//" in text or '@import"http' in text:
            found.append(f"{style.relative_to(site)}: loads from elsewhere")
    return found


def _remote(link: str) -> bool:
    return link.startswith(("http:", "https:", "//"))


def _broken(path: Path, links: list[str], pages: dict[Path, _Page]) -> Iterator[str]:
    for link in links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = path
        if parts.path:
            target = (path.parent / unquote(parts.path)).resolve()
            if target.is_dir():
                target /= "index.html"
        if not target.is_file():
            yield f"no file for {link}"
        elif target in pages and unquote(parts.fragment) not in pages[target].names:
            yield f"no anchor for {link}"
