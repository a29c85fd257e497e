"""Hooks of MkDocs: files of the repository that are pages too, and where links to files lead.

The pages of ``docs/`` are read in the repository as well, where they link to what lies beside them
(``../config/README.md``). On the site such a link leads to the page that the file is there, else to
the file in the repository; one to a file that does not exist stays, and ends the strict build.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from website.check import problems
from website.command_line import helps
from website.notebooks import as_markdown

ROOT = Path(__file__).resolve().parents[1]
#: Files from outside of ``docs/`` -> the pages that they are.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "config/README.md": "configuration.md",
    "profiles/README.md": "clusters.md",
    "requirements/README.md": "dependencies.md",
    **{f"hypervae/pretrained/{name}/card.md": f"pretrained/{name}.md" for name in "gqtwz"},
}
#: The page that is written anew, and the place in it.
COMMAND_LINE = "reference/command-line.md"
PLACE = "<!-- written when the site is built -->"
_SOURCES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(r"(?<!`)(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"^( *)(```+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside of ``docs/``, and those of the notebooks."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for notebook in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        page = _notebook_page(notebook.relative_to(ROOT / "docs").as_posix())
        files.append(File.generated(config, page, content=as_markdown(notebook)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links to where the files are on the site, and write the page of the command line."""
    text = with_links(markdown, page.file.src_uri, config.repo_url)
    return text.replace(PLACE, helps()) if page.file.src_uri == COMMAND_LINE else text


def on_post_build(config: Any) -> None:
    """Refuse a site with a broken link, or one that loads anything from elsewhere."""
    found = problems(Path(config.site_dir))
    if found:
        raise PluginError("\n".join(["the site that was built:", *found]))


def with_links(markdown: str, page: str, repository: str) -> str:
    """The text of a page whose links to files lead to pages, or into the repository.

    Parameters
    ----------
    markdown : str
    page : str
        Of the site, e.g. ``how-to/export.md``.
    repository : str
        Its address.

    Returns
    -------
    str
        Code is as it was.
    """
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_text(markdown[end : fence.start()], page, repository), fence[0]]
        end = fence.end()
    return "".join([*parts, _text(markdown[end:], page, repository)])


def _text(text: str, page: str, repository: str) -> str:
    def led(found: re.Match[str]) -> str:
        target = _target(found[2], page, repository)
        return f"{found[1]}{target}{found[3] or ''}{found[4]}"

    return _LINK.sub(led, text)


def _notebook_page(notebook: str) -> str:
    return notebook.removesuffix(".ipynb") + ".md"


def _target(link: str, page: str, repository: str) -> str:
    if re.match(r"[a-z]+:", link):
        return link
    source = _SOURCES.get(page, f"docs/{page}")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    there = PAGES.get(file)
    if there is None and file.startswith("docs/") and (ROOT / file).is_file():
        there = file.removeprefix("docs/")
        if there.endswith(".ipynb") and page != _notebook_page(there):
            there = _notebook_page(there)
    if there is not None:
        return posixpath.relpath(there, posixpath.dirname(page) or ".")
    if file.startswith("..") or not os.path.exists(ROOT / file):
        return link
    kind = "tree" if (ROOT / file).is_dir() else "blob"
    return f"{repository}/{kind}/main/{file}"
