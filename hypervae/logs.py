"""What HyperVAE says: one package logger, and the handlers that show and keep it.

Modules log to ``logging.getLogger(__name__)``. As a library HyperVAE adds no handler by itself; the
command line calls `show_on_terminal`, and a training run keeps its log with `kept_in`.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

LOGGER = logging.getLogger("hypervae")
#: ``extra`` of a record that is shown, but not kept in a run's log: how far something is.
TRANSIENT = {"transient": True}


class TerminalHandler(logging.Handler):
    """Writes to standard error: plain text, warnings marked as such, beside progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record.

        Parameters
        ----------
        record : logging.LogRecord
            What was said.
        """
        try:
            text = self.format(record)
            if record.levelno >= logging.WARNING:
                text = f"hypervae: {record.levelname.lower()}: {text}"
            tqdm = sys.modules.get("tqdm")
            if tqdm is not None:  # where there may be a bar, which the line must not cut
                tqdm.tqdm.write(text, file=sys.stderr)
                sys.stderr.flush()
            else:
                print(text, file=sys.stderr, flush=True)
        except Exception:  # as the handlers of the standard library
            self.handleError(record)


class FileHandler(logging.Handler):
    """Appends records to a file, each with the time (UTC): all attempts at a run in one log.

    The file is opened for each record, and appending to it is one write: several processes may log,
    and a killed one leaves whole lines.

    Parameters
    ----------
    path : path-like
        The file; it and its folder are made with the first record.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__()
        self.path = Path(path)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is kept.

        Parameters
        ----------
        record : logging.LogRecord
            What was said.

        Returns
        -------
        bool
        """
        return not getattr(record, "transient", False) and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Append one record.

        Parameters
        ----------
        record : logging.LogRecord
            What was said.
        """
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(f"{now} UTC {self.format(record)}\n")
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):  # no log, no job fails for it
                self.handleError(record)


class LenientStream:
    """A stream whose text is lost, without an error, where its disk is full.

    Parameters
    ----------
    stream : text stream
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, if there is space.

        Parameters
        ----------
        text : str

        Returns
        -------
        int
            Its length.
        """
        try:
            return self._stream.write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        """Flush, if there is space."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise error
        self._lost = True

    def close(self) -> None:
        """Drop what is still to be written if there is no space: Python tries at its exit, too."""
        if not self._lost:
            return
        try:
            self._stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            self._stream.flush()


@contextmanager
def lenient_output() -> Iterator[None]:
    """Let no job fail that has done its work, since the disk of its log is full."""
    before = sys.stdout, sys.stderr
    streams = LenientStream(sys.stdout), LenientStream(sys.stderr)
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in streams:
            stream.close()


def show_on_terminal() -> None:
    """Show what the package says on standard error; calling it again changes nothing."""
    LOGGER.setLevel(logging.INFO)
    if not any(isinstance(handler, TerminalHandler) for handler in LOGGER.handlers):
        LOGGER.addHandler(TerminalHandler())


@contextmanager
def kept_in(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep what the package says in a file, too; see `FileHandler`.

    Parameters
    ----------
    path : path-like
    """
    handler = FileHandler(path)
    level = LOGGER.level
    LOGGER.addHandler(handler)
    if not LOGGER.isEnabledFor(logging.INFO):
        LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
