"""Files of correlators, and of what is merged from them, say what config they are made with."""

import json
import shutil

import h5py
import numpy as np
import pytest

from hypervae.config import resolve_section
from hypervae.correlators.binning import Binning
from hypervae.errors import InputError
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.normalization import read_normalization
from tests.unit.chain import CORRELATORS

READERS = {"correlators": CorrelatorReader, "normalization": read_normalization}


@pytest.fixture
def files(chain, tmp_path):
    """Copies that may be spoilt."""
    found = {"correlators": chain.correlators[0], "normalization": chain.normalization}
    return {kind: shutil.copy(path, tmp_path) for kind, path in found.items()}


def change_settings(path, change):
    with h5py.File(path, "r+") as file:
        content = json.loads(file.attrs["settings"])
        change(content)
        file.attrs["settings"] = json.dumps(content)


@pytest.mark.parametrize("kind", READERS)
def test_the_config_comes_back_as_it_was(files, kind):
    config = resolve_section("correlators", CORRELATORS)
    stored = READERS[kind](files[kind])
    assert stored.settings == config
    assert type(stored.settings) is type(config)
    edges = stored.edges if kind == "correlators" else stored.binning.edges
    np.testing.assert_array_equal(edges, Binning.of(config).edges)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("weight"), "all keys of.*weight"),
        (lambda content: content["split"].pop("seed"), "all keys of.*seed"),
        (lambda content: content.update(kappa=1), "kappa: unknown key"),
        (lambda content: content.update(exponent=-1), "exponent"),
    ],
)
def test_a_config_that_is_not_whole_is_refused(files, kind, change, message):
    change_settings(files[kind], change)
    with pytest.raises(InputError, match=rf"{files[kind]}: attribute settings: .*{message}"):
        READERS[kind](files[kind])


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("text", ["{", "[]", "null", 3])
def test_what_is_no_config_is_refused(files, kind, text):
    with h5py.File(files[kind], "r+") as file:
        file.attrs["settings"] = text
    with pytest.raises(InputError, match=f"{files[kind]}: attribute settings"):
        READERS[kind](files[kind])


def test_bins_are_those_of_the_config(files):
    change_settings(files["correlators"], lambda content: content.update(bins=19))
    with pytest.raises(InputError, match=r"edges: .*\(21,\).*\(20,\)"):
        CorrelatorReader(files["correlators"])
