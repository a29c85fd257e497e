"""Digests of the files that a run is given, so that one replaced under its name is seen.

Snakemake looks at times alone, and a file that is moved or copied with its time may be older than
what was made of the one before.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from hypervae.io import write_text

#: Below the working directory; what stands there saves reading, and nothing else.
KNOWN = Path(".snakemake/hypervae/files.json")
#: The digest of a file that is not there.
MISSING = "missing"


class GivenFiles:
    """Digests of files by what they hold; each is read again only when its status changed.

    Parameters
    ----------
    known : Path
        Where digests are kept between runs.
    """

    def __init__(self, known: Path = KNOWN):
        self._known = known
        self._digests: dict[str, list[Any]] | None = None
        self._new = False

    def digest(self, path: str) -> str:
        """Digest of the content of a file.

        Parameters
        ----------
        path : str

        Returns
        -------
        str
            16 hexadecimal digits, or `MISSING`.
        """
        try:
            found = Path(path).stat()
        except OSError:
            return MISSING
        # The time of change of the status, which no program sets back.
        status = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
        kept = self._read().get(path)
        if kept is not None and kept[1:] == status:
            return str(kept[0])
        with open(path, "rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()[:16]
        self._read()[path] = [digest, *status]
        self._new = True
        return digest

    def keep(self) -> None:
        """Write what was read, for later runs; when a run starts, and never in a dry run."""
        if self._new:
            write_text(self._known, json.dumps(self._read(), sort_keys=True))
            self._new = False

    def _read(self) -> dict[str, list[Any]]:
        if self._digests is None:
            try:
                content = json.loads(self._known.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                content = {}
            self._digests = content if isinstance(content, dict) else {}
        return self._digests
