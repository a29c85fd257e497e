import json
import pickletools
import shutil

import h5py
import numpy as np
import pytest
import torch

from hypervae import HyperVAE
from hypervae.data.jet_checks import check_jets
from hypervae.errors import HyperVAEError, InputError
from hypervae.kinematics import four_momenta
from hypervae.model.files import CONFIG, NORMALIZATION, WEIGHTS
from hypervae.model.noise import gumbel
from hypervae.model.sampling_config import SamplingConfig
from tests.unit.chain import MODEL


@pytest.fixture
def single(model):
    return model.float()


@pytest.fixture
def saved(single, chain, tmp_path):
    single.save(tmp_path / "model", chain.normalization)
    return tmp_path / "model"


def assert_same(one, other, tolerance=1e-5):
    np.testing.assert_array_equal(one.mask, other.mask)
    np.testing.assert_allclose(one.particle_features, other.particle_features, atol=tolerance)
    np.testing.assert_allclose(one.jet_features, other.jet_features, rtol=tolerance, atol=tolerance)


def test_a_loaded_model_makes_the_same_jets(single, saved):
    loaded = HyperVAE.load(saved)
    assert loaded.jet_types == ("g", "q")
    assert loaded.config == single.config
    assert not loaded.training
    for jet_type in "gq":
        assert_same(
            loaded.generate(50, jet_type=jet_type), single.generate(50, jet_type=jet_type), 1e-7
        )


def test_saving_leaves_three_whole_files_and_no_pickle(saved):
    assert sorted(path.name for path in saved.iterdir()) == sorted([CONFIG, NORMALIZATION, WEIGHTS])
    for path in saved.iterdir():
        with pytest.raises(ValueError):  # noqa: PT011 - whatever pickletools says
            pickletools.dis(path.read_bytes(), out=open("/dev/null", "w"))  # noqa: SIM115


@pytest.mark.parametrize("name", [CONFIG, NORMALIZATION, WEIGHTS])
@pytest.mark.parametrize(
    "damage", ["missing", "empty", "truncated", "text", "foreign", "list", "binary"]
)
def test_a_damaged_model_is_refused_by_file(saved, chain, name, damage):
    path = saved / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "text":
        path.write_text("these are not the weights")
    elif damage == "list":
        path.write_text("[1, 2]")
    elif damage == "binary":
        path.write_bytes(bytes(range(256)) * 4)
    else:
        other = {CONFIG: NORMALIZATION, NORMALIZATION: WEIGHTS, WEIGHTS: NORMALIZATION}[name]
        shutil.copyfile(saved / other, path)
    with pytest.raises(InputError) as error:
        HyperVAE.load(saved)
    assert name in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"model": {**MODEL, "unheard_of": 1}},
        {"model": {**MODEL, "blocks": "many"}},
        {"model": 3},
        {"jet_types": 7},
        {"jet_types": ["nonsense"]},
        {"jet_types": ["g", "nonsense"]},
        {"normalization_digest": "another"},
    ],
    ids=str,
)
def test_a_config_that_makes_no_sense_is_refused(saved, change):
    content = json.loads((saved / CONFIG).read_text())
    (saved / CONFIG).write_text(json.dumps({**content, **change}))
    with pytest.raises(InputError) as error:
        HyperVAE.load(saved)
    assert str(saved) in str(error.value)


def test_weights_of_another_size_are_refused(saved, normalization, chain, tmp_path):
    other = HyperVAE(normalization, ["g", "q"], {**MODEL, "latent_dim": 5})
    other.save(tmp_path / "other", chain.normalization)
    shutil.copyfile(tmp_path / "other" / WEIGHTS, saved / WEIGHTS)
    with pytest.raises(InputError, match=WEIGHTS):
        HyperVAE.load(saved)


def test_a_normalization_of_other_jets_is_refused(saved, chain):
    shutil.copyfile(chain.of("g")[2], saved / NORMALIZATION)
    with pytest.raises(InputError, match="digest"):
        HyperVAE.load(saved)


def test_a_normalization_that_lacks_an_entry_is_refused(saved):
    with h5py.File(saved / NORMALIZATION, "r+") as file:
        del file["stats/edge"]
    with pytest.raises(InputError, match=NORMALIZATION):
        HyperVAE.load(saved)


@pytest.mark.parametrize("temperature", [1.0, 30.0])
def test_generated_jets_are_physical(single, temperature):
    jets = single.generate(300, jet_type="q", sampling=SamplingConfig(temperature=temperature))
    assert len(jets) == 300
    assert jets.jet_type == "q"
    check_jets(jets, "generated")
    ptrel, mask = jets.particle_features[..., 2], jets.mask
    assert (ptrel[mask] > 0).all()
    assert (np.diff(ptrel, axis=1) <= 0).all()
    assert (jets.particle_features[~mask] == 0).all()
    assert (jets.jet_features[:, 3] == jets.multiplicity).all()
    assert len(set(jets.multiplicity)) > 3
    # the layout holds no masses: momenta made of it are massless
    energy, *momentum = np.moveaxis(four_momenta(jets.particle_features, jets.jet_features), -1, 0)
    assert (energy[mask] > 0).all()
    np.testing.assert_allclose(energy, np.sqrt(sum(p**2 for p in momentum)), rtol=1e-6)


def test_the_seed_decides_and_the_batch_size_does_not(single):
    jets = single.generate(50, seed=5, jet_type="g", batch_size=50)
    for batch_size in (1, 7, 256):
        assert_same(single.generate(50, seed=5, jet_type="g", batch_size=batch_size), jets)
    # more jets begin with the same ones
    assert_same(single.generate(80, seed=5, jet_type="g", batch_size=32)[slice(50)], jets)
    other = single.generate(50, seed=6, jet_type="g")
    assert not np.allclose(other.jet_features, jets.jet_features)


def test_the_temperature_widens(single):
    cold, warm = (
        single.generate(300, jet_type="g", sampling=SamplingConfig(temperature=t)).jet_features[
            :, 0
        ]
        for t in (0.1, 1.0)
    )
    assert warm.std() > 2 * cold.std()


def test_types_are_told_apart(single):
    one, other = (single.generate(20, jet_type=jet_type) for jet_type in "gq")
    assert not np.allclose(one.jet_features, other.jet_features, rtol=1e-3)


def test_an_unknown_or_missing_type_is_refused(single):
    with pytest.raises(HyperVAEError, match=r"'t'.*g, q"):
        single.generate(1, jet_type="t")
    with pytest.raises(HyperVAEError, match="g, q"):
        single.generate(1)


def test_generation_leaves_the_training_mode_alone(single):
    single.train()
    single.generate(3, jet_type="g")
    assert single.training


def test_gumbel_noise_is_finite_and_has_its_mean():
    assert torch.isfinite(gumbel(torch.tensor([0.0, 0.5, 1.0 - 2**-24]))).all()
    noise = gumbel(torch.rand(100_000, generator=torch.Generator().manual_seed(1)))
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.02)


def test_the_example_of_the_docstring_runs(chain, normalization, tmp_path, monkeypatch):
    import doctest

    torch.manual_seed(3)
    model = HyperVAE(normalization, ["t"], MODEL)
    model.save(tmp_path / "results/models/t", chain.normalization)
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder().find(HyperVAE, "HyperVAE", globs={}, module=False)[:1]
    assert len(example.examples) == 4
    runner = doctest.DocTestRunner()
    runner.run(example)
    assert runner.summarize().failed == 0
    assert runner.summarize().attempted == 4
