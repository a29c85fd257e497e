"""A full or broken disk is told in one line, not once more for each open object of HDF5."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from hypervae.io.atomic import by_the_system

DECIDES_RESULTS_OF = ()

#: So long warnings of libraries are held back [s].
HELD_FOR = 5.0


def leave_out_noise() -> None:
    """Have Python print nothing of what h5py cannot raise, where one line says it already.

    The same holds for threads of libraries, such as TensorBoard's, that write beside us: what they
    could not write, they raise to who asks them for more.
    """
    sys.unraisablehook, sys.excepthook = _unraisable, _uncaught
    threading.excepthook = _in_a_thread


@contextmanager
def warning_at_the_end() -> Iterator[None]:
    """Have warnings of libraries come after what went well, and not before the line of an error.

    What a library finds odd in a file, that line says already, with the file's name. A command
    that goes on is past its inputs: after some seconds its warnings come, and later ones at once.
    """
    held = _Held(warnings.showwarning)
    warnings.showwarning = lambda *about: held.take(*about)
    timer = threading.Timer(HELD_FOR, held.show)
    timer.daemon = True
    timer.start()
    try:
        yield
    except SystemExit as error:
        if error.code not in (0, None):
            held.clear()
        raise
    except BaseException:
        held.clear()
        raise
    finally:
        timer.cancel()
        held.show()
        warnings.showwarning = held.print


class _Held:
    """Warnings that are kept until they are to be shown."""

    def __init__(self, show: Callable[..., None]):
        self.print = show
        self._waiting: list[tuple[Any, ...]] | None = []
        self._lock = threading.Lock()

    def take(self, *about: Any) -> None:
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(about)
                return
        self.print(*about)

    def clear(self) -> None:
        with self._lock:
            self._waiting = None

    def show(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, None
        for about in waiting or ():
            self.print(*about)


def _unraisable(raised: sys.UnraisableHookArgs) -> None:
    if raised.exc_value is None or not by_the_system(raised.exc_value):
        sys.__unraisablehook__(raised)


def _in_a_thread(raised: threading.ExceptHookArgs) -> None:
    if raised.exc_value is None or not by_the_system(raised.exc_value):
        threading.__excepthook__(raised)


def _uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """What Cython prints itself begins in its own code; an uncaught error begins in ours."""
    begins = traceback.tb_frame.f_code.co_filename if traceback is not None else ""
    if not begins.startswith("h5py/") or not by_the_system(error):
        sys.__excepthook__(kind, error, traceback)
