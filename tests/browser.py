"""A headless Chromium that opens a page and runs a script in it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# The window [pixels]: that of a small laptop. Part of its height is the browser's own.
_WINDOW = (1280, 800)
_RUN = """
<script>
(async () => {
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const frame = (element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return { left, top, right, bottom };
  };
  let found;
  try {
    await sleep(2000);
    found = await (async () => { %s })();
  } catch (error) {
    found = { error: String(error) };
  }
  found.window = { width: window.innerWidth, height: window.innerHeight };
  const shown = document.createElement("pre");
  shown.id = "found";
  shown.textContent = JSON.stringify(found);
  document.body.append(shown);
})();
</script>
"""


def run_in_browser(page: Path, script: str, scratch: Path) -> dict[str, Any]:
    """What a script finds that runs in a page; skips where there is no Chromium.

    Parameters
    ----------
    page : Path
        HTML.
    script : str
        The body of an asynchronous function of JavaScript that returns an object for JSON; it has
        ``sleep(ms)`` and ``frame(element)``, the element's place in the window.
    scratch : Path
        An empty folder.

    Returns
    -------
    dict
        The object, with the ``width`` and ``height`` of what is seen of the page as ``window``.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium here (apt-get install chromium): the report is not opened")
    copy = scratch / "page.html"
    text = page.read_text(encoding="utf-8")
    before, end, after = text.rpartition("</body>")
    copy.write_text(f"{before}{_RUN % script}{end}{after}", encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += [
        f"--user-data-dir={scratch / 'profile'}",
        f"--window-size={_WINDOW[0]},{_WINDOW[1]}",
    ]
    options += ["--virtual-time-budget=30000", "--dump-dom", copy.as_uri()]
    done = subprocess.run(
        [program, *options], capture_output=True, text=True, timeout=180, check=False
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    if found is None:
        raise AssertionError(f"{page}: nothing found; {done.returncode}, {done.stderr[-2000:]}")
    return json.loads(html.unescape(found.group(1)))
