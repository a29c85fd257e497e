"""What libraries print comes after the results, or not at all: an error is one line."""

import sys
import time
import warnings

import click
import pytest

from hypervae.errors import HyperVAEError, InputError, WriteFailed
from tests.unit.cli.working import forked


def ending(error):
    """Have `doctor` do nothing but warn, and end so."""

    def before():
        from hypervae.cli.commands import doctor

        def warns(**_):
            warnings.warn("found by a library", RuntimeWarning, stacklevel=1)
            print("done", flush=True)
            if error is not None:
                raise error

        doctor.command.callback = warns
        warnings.simplefilter("default")
        # (pytest's keeps them)
        warnings.showwarning = lambda message, *_: print(repr(message), file=sys.stderr)

    return before


@pytest.mark.parametrize("error", [None, SystemExit(0), SystemExit(None)])
def test_warnings_of_libraries_come_after_what_went_well(error, tmp_path):
    ended = forked(["doctor"], tmp_path, before=ending(error))
    assert ended.status == 0
    assert ended.output == "done\n"
    assert ended.errors == "RuntimeWarning('found by a library')\n"


def test_warnings_of_libraries_do_not_come_before_the_line_of_an_error(tmp_path):
    about = {"found": "x", "expected": "y"}
    for error in (
        HyperVAEError("jets.h5: bad"),
        InputError("jets.h5", "pt", **about),
        WriteFailed("jets.h5", "pt", **about),
        click.UsageError("jets.h5: bad"),
        FileNotFoundError(2, "No such file", "jets.h5"),
        SystemExit(1),
    ):
        ended = forked(["doctor"], tmp_path, before=ending(error))
        assert ended.status in (1, 2)
        lines = ended.errors.splitlines()
        assert len(lines) == (not isinstance(error, SystemExit))
        assert all("jets.h5" in line for line in lines)


def test_warnings_of_what_goes_on_come_while_it_does(tmp_path):
    def before():
        from hypervae.cli import noise
        from hypervae.cli.commands import doctor

        def goes_on(**_):
            warnings.warn("first", RuntimeWarning, stacklevel=1)
            seen = tmp_path / "seen"
            while not (seen.exists() and seen.read_text()):
                time.sleep(0.02)
            warnings.warn("second", RuntimeWarning, stacklevel=1)
            assert seen.read_text() == "first\nsecond\n"
            raise HyperVAEError("jets.h5: bad")

        def note(message, *_):
            with open(tmp_path / "seen", "a") as file:
                file.write(f"{message}\n")

        noise.HELD_FOR = 0.1
        doctor.command.callback = goes_on
        warnings.simplefilter("default")
        warnings.showwarning = note

    ended = forked(["doctor"], tmp_path, before=before)
    assert ended.status == 1
    assert ended.errors == "hypervae: error: jets.h5: bad\n"
    assert (tmp_path / "seen").read_text() == "first\nsecond\n"
