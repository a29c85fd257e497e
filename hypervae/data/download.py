"""Download one file over HTTP: broken transfers are taken up where they broke."""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import logging
import os
import shutil
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hypervae import __version__
from hypervae.errors import HyperVAEError, InputError, one_line
from hypervae.progress import Progress

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: how a file comes here, not which

_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)

BLOCK = 1 << 20
# Seconds without a byte after which a connection counts as broken.
TIMEOUT = 60.0
# Seconds before the first retry, doubled for each further one, and the longest wait.
BACKOFF, LONGEST_WAIT = 1.0, 60.0
# Busy or broken for the moment; what else a server refuses it will refuse again.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data record.

    Parameters
    ----------
    url : str
    size : int, optional
        Bytes.
    md5 : str, optional
        Hexadecimal.
    """

    url: str
    size: int | None = None
    md5: str | None = None


class _Broken(Exception):
    """A transfer that may be taken up again."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


def md5_of(path: str | os.PathLike[str]) -> str:
    """MD5 of a file, hexadecimal (against damage, not against forgery).

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
    """
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def record_file(record: str, name: str, retries: int) -> RemoteFile:
    """Look a file up in a data record's metadata, as Zenodo serves it.

    Parameters
    ----------
    record : str
        Address of the JSON metadata, e.g. ``https://zenodo.org/api/records/6975118``.
    name : str
        The file's name in the record.
    retries : int
        How often a failed look-up is repeated.

    Returns
    -------
    RemoteFile

    Raises
    ------
    HyperVAEError
        If the record cannot be read, or has no such file.
    """

    def read() -> Any:
        with _answer(record, {}) as answer:
            return json.loads(answer.read())

    try:
        content = _retrying(read, retries, record)
        files = {str(file.get("key") or file["filename"]): file for file in content["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise HyperVAEError(
            f"{record}: found no list of files ({error!r}), expected a data record's JSON metadata"
        ) from error
    if name not in files:
        raise HyperVAEError(
            f"{record}: found {', '.join(sorted(files)) or 'no files'}, expected {name} among them"
        )
    file = files[name]
    links = file.get("links", {})
    # Zenodo has had both names for the address of the content, and both forms of the checksum.
    url = links.get("self") or links.get("download") or links.get("content")
    if not url:
        raise HyperVAEError(f"{record}: found no address for {name}, expected links.self")
    algorithm, _, digest = str(file.get("checksum", "")).rpartition(":")
    size = file.get("size", file.get("filesize"))
    return RemoteFile(
        url=str(url),
        size=int(size) if size is not None else None,
        md5=digest.lower() if digest and algorithm in ("", "md5") else None,
    )


def download(remote: RemoteFile, part: Path, retries: int) -> None:
    """Download a file to `part`, going on from what `part` already holds.

    Parameters
    ----------
    remote : RemoteFile
    part : Path
        Kept if the download fails, so that the next one goes on from there.
    retries : int
        How often a broken transfer is taken up again, with a growing wait before.

    Raises
    ------
    HyperVAEError
        If the server refuses, the transfer keeps breaking or the disk is full.
    InputError
        If the whole file has not the expected MD5; `part` is then removed.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    resumed = part.exists() and part.stat().st_size > 0
    _retrying(lambda: _transfer(remote, part), retries, remote.url)
    if remote.md5 is None:
        return
    found = md5_of(part)
    if found != remote.md5 and resumed:
        # What was there before may have been another file's: once more from the start.
        part.unlink()
        _LOG.warning("%s: not the start of %s; starting over", part, remote.url)
        _retrying(lambda: _transfer(remote, part), retries, remote.url)
        found = md5_of(part)
    if found != remote.md5:
        part.unlink()
        raise InputError(remote.url, "MD5", found=found, expected=remote.md5)


def _retrying(action: Callable[[], _T], retries: int, url: str) -> _T:
    failures, wait = 0, BACKOFF
    while True:
        try:
            return action()
        except _Broken as error:
            failures += 1
            if failures > retries:
                raise HyperVAEError(f"{url}: {error}; gave up after {failures} attempts") from error
            pause = min(max(wait, error.wait), LONGEST_WAIT)
            _LOG.warning("%s: %s; again in %.0f s", url, error, pause)
            time.sleep(pause)
            wait *= 2


@contextmanager
def _answer(url: str, headers: dict[str, str]) -> Iterator[Any]:
    """The server's answer, with every way in which it can fail sorted into mendable or not."""
    if not url.startswith(("http://", "https://")):
        raise HyperVAEError(f"{url}: found no address, expected https://...")
    headers = {"User-Agent": f"hypervae/{__version__}", **headers}
    by = _by_proxy(url)
    try:
        request = urllib.request.Request(url, headers=headers)
        # not `urlopen`, which asks the proxies of its first call for ever
        with urllib.request.build_opener().open(request, timeout=TIMEOUT) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        if error.code in TRANSIENT:
            after = error.headers.get("Retry-After", "")
            raise _Broken(
                f"HTTP {error.code} {error.reason}{by}", float(after) if after.isdigit() else 0.0
            ) from error
        if error.code == 416:
            raise
        raise HyperVAEError(
            f"{url}: found HTTP {error.code} {error.reason}{by}, expected the file"
        ) from error
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ConnectionError,
        TimeoutError,
        ssl.SSLError,
    ) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise _Broken(reason + by) from error


def _by_proxy(url: str) -> str:
    """The proxy that a request goes by, for messages; empty without one."""
    scheme, host = url.partition("://")[0], urllib.parse.urlsplit(url).netloc
    proxy = urllib.request.getproxies().get(scheme)
    if not proxy or urllib.request.proxy_bypass(host):
        return ""
    shown = proxy.rpartition("@")[2]  # without a password
    try:
        parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not shown.isprintable():
        raise HyperVAEError(f"{scheme}_proxy: found {one_line(shown)}, expected http://HOST:PORT")
    return f" (by the proxy {shown} of {scheme}_proxy)"


def _transfer(remote: RemoteFile, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    if remote.size is not None and have > remote.size:
        part.unlink()
        have = 0
    if remote.size is not None and have == remote.size:
        return
    try:
        with _answer(remote.url, {"Range": f"bytes={have}-"} if have else {}) as answer:
            # A server that ignores the range answers 200 and sends everything.
            begins = f"bytes {have}-" in answer.headers.get("Content-Range", "")
            start = have if answer.status == 206 and begins else 0
            length = answer.headers.get("Content-Length")
            total = remote.size or (start + int(length) if length else 0)
            check_space(part, total - start)
            with (
                open(part, "r+b" if part.exists() else "wb") as handle,
                Progress(
                    total, f"download {part.name.removesuffix('.part')}", "MB", 1e6
                ) as progress,
            ):
                handle.truncate(start)
                handle.seek(start)
                progress.start_at(start)
                while block := answer.read(BLOCK):
                    handle.write(block)
                    progress.update(len(block))
                handle.flush()
                os.fsync(handle.fileno())
    except urllib.error.HTTPError as error:
        # 416: nothing lies beyond what we have, and it was not the whole file: it is another one.
        part.unlink()
        raise _Broken(f"HTTP {error.code} {error.reason}") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _disk_full(part, total) from error
    arrived = part.stat().st_size
    if total and arrived < total:
        raise _Broken(f"the connection broke at {arrived} of {total} bytes")
    if total and arrived > total:
        part.unlink()
        raise _Broken(f"found {arrived} bytes, expected {total}")


def check_space(part: Path, needed: int) -> None:
    """Refuse with `HyperVAEError` to write `needed` bytes where there is no room for them.

    Parameters
    ----------
    part : path-like
        The file that is to grow.
    needed : int
        Bytes.
    """
    if needed > shutil.disk_usage(part.parent).free:
        raise _disk_full(part, needed)


def _disk_full(part: Path, needed: int) -> HyperVAEError:
    free = shutil.disk_usage(part.parent).free
    return HyperVAEError(
        f"{part.parent}: disk full: found {free / 1e6:.0f} MB free, expected {needed / 1e6:.0f} MB "
        f"for {part.name}; make room and run again"
    )
