"""Options of the programs here: each is given once, in full.

`argparse` alone would take the last of two without a word, and a figure would be another one than
was asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from typing import Any


class OnceParser(argparse.ArgumentParser):
    """A parser that refuses an option that is given twice.

    Parameters
    ----------
    **attributes : object
        As for `argparse.ArgumentParser`.
    """

    def __init__(self, **attributes: Any):
        # an option that is cut short would be counted as another one
        super().__init__(allow_abbrev=False, **attributes)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """See `argparse.ArgumentParser.parse_args`.

        Parameters
        ----------
        args : sequence of str, optional
            The command line, by default.
        namespace : argparse.Namespace, optional
            What gets the values.

        Returns
        -------
        argparse.Namespace
        """
        words = sys.argv[1:] if args is None else list(args)
        found = super().parse_args(words, namespace)
        options = (word.partition("=")[0] for word in takewhile(lambda word: word != "--", words))
        for name, count in Counter(option for option in options if option[:2] == "--").items():
            if count > 1:
                self.error(f"{name}: found {count} times, expected once")
        return found
