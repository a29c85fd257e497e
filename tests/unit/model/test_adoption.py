"""A trained model that is taken as it is."""

import pytest

from hypervae.errors import InputError
from hypervae.model import HyperVAE
from hypervae.model.adoption import adopt_model

NAMES = ("weights.safetensors", "config.json", "normalization.h5")


@pytest.fixture
def given(model, chain, tmp_path):
    """A model of gluon and quark jets."""
    model.float().save(tmp_path / "given", chain.normalization)
    return tmp_path / "given"


def test_the_files_are_the_same(given, chain, tmp_path):
    adopt_model(given, chain.normalization, ["q", "g"], tmp_path / "all")
    for name in NAMES:
        assert (tmp_path / "all" / name).read_bytes() == (given / name).read_bytes()
    assert HyperVAE.load(tmp_path / "all").jet_types == ("g", "q")


def test_weights_of_any_name_beside_the_other_files(given, chain, tmp_path):
    (given / NAMES[0]).rename(given / "best.safetensors")
    adopt_model(given / "best.safetensors", chain.normalization, ["g", "q"], tmp_path / "all")
    assert {path.name for path in (tmp_path / "all").iterdir()} == set(NAMES)


def test_other_types_are_refused(given, chain, tmp_path):
    with pytest.raises(InputError, match=r"found g, q, expected g, as models\.one\.jet_types has"):
        adopt_model(given, chain.normalization, ["g"], tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_a_missing_file_is_named(given, chain, tmp_path):
    (given / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json: model: found no such file"):
        adopt_model(given, chain.normalization, ["g", "q"], tmp_path / "all")
