import html
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.config import SplitConfig
from hypervae.data.jets import Jets, concatenate
from hypervae.equivariance.deviation import BOUNDS, Transformations, measure
from hypervae.equivariance.measure import held_out_jets
from hypervae.equivariance.model import (
    ModelEquivariance,
    jet_momenta,
    jets_of,
    measure_model,
    residual_group,
)
from hypervae.equivariance.transformations import (
    BEAM_ROTATIONS_AND_BOOSTS,
    BOOSTS,
    random_transformations,
)
from hypervae.errors import HyperVAEError, InputError
from hypervae.formats.equivariance import UNBOUNDED, exact_symmetry
from hypervae.formats.shard import ShardReader
from hypervae.kinematics import four_momenta
from hypervae.model import HyperVAE, ModelConfig
from hypervae.model.references import (
    LORENTZ_GROUP,
    TRIVIAL_GROUP,
    minkowski,
    product_with_sum,
    symmetry_left,
)
from hypervae.model.trunks.registry import TRUNKS
from tests.unit.chain import MODEL, SPLIT, small_jets

CHOICES = [[], ["time"], ["beam"], ["time", "beam"], ["time", "beam", "axis"]]
ids = [" ".join(names) or "none" for names in CHOICES]
GROUPS = [
    LORENTZ_GROUP, BOOSTS, BEAM_ROTATIONS_AND_BOOSTS, *(symmetry_left(c) for c in CHOICES[1:4])
]  # fmt: skip
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])


@pytest.fixture
def jets():
    """Jets of 1 to 12 particles."""
    return small_jets(12, seed=5)


@pytest.fixture
def momenta(jets):
    """[n, P, 4] momenta [100 GeV]."""
    return four_momenta(jets.particle_features, jets.jet_features) / 100


def equivariant(momenta):
    """The logarithm of the jets' squared masses, with a floor: an invariant function."""
    there = momenta.abs().sum(dim=-1) > 0
    return (product_with_sum(momenta, there).sum(dim=1, keepdim=True) + 1e-2).log(), None


@pytest.mark.parametrize("group", GROUPS)
def test_transformations_are_proper_and_never_the_identity(group):
    matrices = random_transformations(group, 200, seed=3)
    assert np.allclose(matrices @ METRIC @ matrices.transpose(0, 2, 1), METRIC, atol=1e-9)
    assert np.allclose(np.linalg.det(matrices), 1)
    gamma = matrices[:, 0, 0]
    assert (gamma >= 1 - 1e-12).all()
    assert gamma.max() <= 5 + 1e-9
    assert np.abs(matrices - np.eye(4)).max(axis=(1, 2)).min() > 0.05
    time, beam = np.array([1.0, 0, 0, 0]), np.array([0.0, 0, 0, 1])
    kept = {"time": np.allclose(matrices @ time, time), "beam": np.allclose(matrices @ beam, beam)}
    if "boosts" in group or group == LORENTZ_GROUP:
        assert gamma.max() > 4.5
        assert not kept["time"]
    for names in CHOICES[1:4]:
        if symmetry_left(names) == group:
            assert all(kept[name] for name in names)
    np.testing.assert_array_equal(matrices, random_transformations(group, 200, seed=3))
    assert not np.allclose(matrices, random_transformations(group, 200, seed=4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_invariant_function_does_not_move(momenta, dtype):
    found = measure(equivariant, [momenta], Transformations(LORENTZ_GROUP), dtype=dtype)
    assert found.deviation < BOUNDS[dtype]
    assert found.broken_bounds() == []
    assert found == measure(equivariant, [momenta], Transformations(LORENTZ_GROUP), dtype=dtype)
    assert found != measure(
        equivariant, [momenta], Transformations(LORENTZ_GROUP, seed=2), dtype=dtype
    )


def test_the_deviation_by_hand():
    """Two jets and the energy alone: nothing else of the momentum would be invariant."""
    vectors = np.array([[3.0, 0.0, 0.0, 1.0], [5.0, 0.0, 0.0, 2.0]])
    found = measure(
        lambda v: (v[:, :1], None), [vectors], Transformations(BOOSTS, 7), what="energies"
    )
    matrices = random_transformations(BOOSTS, 7, seed=1)
    moved = (vectors @ matrices.transpose(0, 2, 1))[..., 0] - [3.0, 5.0]
    assert found.deviation == pytest.approx(np.sqrt((moved**2).mean(axis=1)).max() / 1.0)
    assert found.spread == pytest.approx(1.0 / np.sqrt((9 + 25) / 2))
    assert "energies under boosts in float64: the outputs move by" in found.broken_bounds()[0]


def test_a_z_score_of_each_component_is_caught(momenta):
    mean, width = momenta.mean(axis=(0, 1)), momenta.std(axis=(0, 1))

    def scored(values):
        return equivariant((values - torch.from_numpy(mean)) / torch.from_numpy(width))

    found = measure(scored, [momenta], Transformations(LORENTZ_GROUP))
    assert found.deviation > 0.1
    assert found.broken_bounds()


def test_a_network_that_ignores_its_input_is_caught(momenta):
    for constant in (0.0, 3.0):
        found = measure(
            lambda values, c=constant: (1e-4 * equivariant(values)[0] + c, None),
            [momenta],
            Transformations(LORENTZ_GROUP),
        )
        assert found.deviation < 1e-6
        assert bool(found.broken_bounds()) == (constant == 3.0)
    found = measure(
        lambda values: (torch.ones(len(values), 2), None), [momenta], Transformations(LORENTZ_GROUP)
    )
    assert found.deviation == found.spread == 0
    assert "the network ignores its input" in found.broken_bounds()[0]


def test_vectors_transform_along(momenta):
    def shifted(values):
        return values + 0.1 * torch.tensor([1.0, 0, 0, 0], dtype=values.dtype), None

    ten = Transformations(LORENTZ_GROUP, 10)
    assert measure(lambda v: (2 * v, None), [momenta], ten, covariant=True).deviation < 1e-12
    assert measure(shifted, [momenta], ten, covariant=True).deviation > 1e-3


def test_absent_outputs_do_not_count(momenta, jets):
    mask = torch.from_numpy(jets.mask)

    def function(values, filling):
        products = minkowski(values, values.sum(dim=1, keepdim=True)).unsqueeze(-1)
        return torch.where(mask.unsqueeze(-1), products, filling), mask.unsqueeze(-1)

    one, other = (
        measure(lambda v, f=filling: function(v, f), [momenta], Transformations(LORENTZ_GROUP, 5))
        for filling in (0.0, torch.nan)
    )
    assert one == other
    with pytest.raises(HyperVAEError, match="not finite"):
        measure(lambda v: (v[:, 0] * torch.nan, None), [momenta], Transformations(LORENTZ_GROUP))


def test_jets_survive_momenta(jets):
    mask = jets.mask
    momenta = four_momenta(jets.particle_features, jets.jet_features)
    found = jets_of(momenta, jet_momenta(jets), mask)
    np.testing.assert_allclose(found.particle_features, jets.particle_features, atol=1e-7)
    np.testing.assert_allclose(found.jet_features, jets.jet_features, rtol=1e-6)
    turned = random_transformations(symmetry_left(["time", "beam"]), 1, seed=1)[0]
    found = jets_of(momenta @ turned.T, jet_momenta(jets) @ turned.T, mask)
    np.testing.assert_allclose(
        four_momenta(found.particle_features, found.jet_features), momenta @ turned.T, atol=1e-6
    )


def test_the_residual_group_is_what_references_and_features_leave():
    def group(references, condition, weight="pt"):
        config = ModelConfig.of({"references": references, "condition": condition})
        return residual_group(config, weight)

    told, untold = ["jet_features", "jet_type"], ["jet_type"]
    about = "rotations about the beam"
    for references in CHOICES[:4]:
        assert group(references, told) == about
    for references in CHOICES[1:4]:
        assert group(references, untold) == about
    assert group([], untold) == "rotations about the beam and boosts along it"
    assert group([], untold, "energy") == about
    assert group(CHOICES[4], untold) == TRIVIAL_GROUP
    assert residual_group(ModelConfig.of({})) == about  # the default


@pytest.fixture(scope="module")
def measured(normalization):
    """Make the measurements of a small untrained model."""
    jets = small_jets(12, seed=5)

    def make(**changes):
        torch.manual_seed(3)
        model = HyperVAE(normalization, ["g", "q"], {**MODEL, **changes})
        return ModelEquivariance(model, jets, np.arange(12) % 2, transformations=4)

    return make


@pytest.mark.parametrize("kind", ["slim", "full"])
@pytest.mark.parametrize("names", CHOICES, ids=ids)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_each_choice_of_references(measured, kind, names, dtype):
    of = measured(lgatr=kind, references=names)
    left = symmetry_left(names)
    checked = [of.particles(dtype)]
    if left != TRIVIAL_GROUP:
        checked += [of.particles(dtype, left, transform_references=False), of.encoder(dtype)]
    if dtype == torch.float64:
        checked.append(of.decoder(dtype))
    for found in checked:
        assert found.broken_bounds() == []
    if names:
        assert of.particles(dtype, LORENTZ_GROUP, transform_references=False).deviation > 0.05
    assert of.general_boosts(dtype).deviation > 0.05


@pytest.mark.parametrize("kind", ["slim", "full"])
def test_boosts_along_the_beam_where_nothing_breaks_them(measured, kind):
    of = measured(lgatr=kind, references=[], condition=["jet_type"])
    for dtype in (torch.float32, torch.float64):
        found = of.encoder(dtype)
        assert found.group == BEAM_ROTATIONS_AND_BOOSTS
        assert found.broken_bounds() == []
    told = measured(lgatr=kind, references=[], condition=["jet_features"])
    assert told.encoder(torch.float64, BEAM_ROTATIONS_AND_BOOSTS).deviation > 1e-3


@pytest.mark.parametrize("mode", ["mlp", "chunked", "sampled", "clustered", "sparse"])
def test_each_mode_of_the_hyperedges(measured, mode):
    of = measured(hyperedge_encoder=mode, hyperedge_samples=20, hyperedge_window=8)
    for dtype in (torch.float32, torch.float64):
        assert of.encoder(dtype).broken_bounds() == []


def test_the_flow_decoder(measured):
    assert measured(decoder="flow").decoder().broken_bounds() == []


@pytest.mark.parametrize("trunk", TRUNKS)
def test_a_model_without_an_encoder_has_the_figures_of_its_decoder(normalization, jets, trunk):
    own = {"hierarchical": {"trunk": trunk}}
    settings = {**MODEL, **own, "decoder": "hierarchical", "latent_dim": 0}
    model = HyperVAE(normalization, ["g", "q"], settings)
    figures, broken_bounds = measure_model(model, jets, np.zeros(12, dtype=int), transformations=3)
    assert broken_bounds == []
    assert figures["decoder_fp64"] < 1e-6
    assert [figures[name] for name in ("particle_fp64", "encoder_general", "spread")] == [None] * 3


def test_everything_of_a_model(normalization, jets):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g", "q"], MODEL)
    figures, broken_bounds = measure_model(model, jets, np.zeros(12, dtype=int), transformations=3)
    assert broken_bounds == []
    assert list(figures) == [
        "particle_fp32", "particle_fp64", "encoder_residual_fp32", "encoder_residual_fp64",
        "residual_group", "encoder_general", "decoder_fp64", "spread",
    ]  # fmt: skip
    assert figures["residual_group"] == "rotations about the beam"
    with torch.no_grad():
        for parameter in model.encoder.fusion[-1].parameters():
            parameter.copy_(torch.ones_like(parameter))
    constant = model.encoder.fusion[-1].weight
    with torch.no_grad():
        constant.mul_(1e-4)
    figures, broken_bounds = measure_model(model, jets, np.zeros(12, dtype=int), transformations=3)
    assert figures["spread"] < 1e-2
    assert any("encoder" in line and "ignores its input" in line for line in broken_bounds)


def test_held_out_jets_are_test_jets_of_every_type(chain, normalization):
    model = HyperVAE(normalization, ["q", "g"], MODEL)
    jets, jet_type = held_out_jets(model, chain.shards, 10)
    np.testing.assert_array_equal(jet_type, [0] * 5 + [1] * 5)
    from hypervae.data.split import TEST, split_of

    for index, kind in enumerate("qg"):
        stored = []
        for path in chain.shards:
            if path.name.startswith(kind):
                with ShardReader(path) as reader:
                    read = reader.read()
                stored.append(read[split_of(read, SplitConfig.of(SPLIT)) == TEST])
        expected = concatenate(stored)[:5]
        found = jets[np.flatnonzero(jet_type == index)]
        np.testing.assert_array_equal(found.particle_features, expected.particle_features)
    with pytest.raises(InputError, match="found 'g', expected"):
        held_out_jets(HyperVAE(normalization, ["q"], MODEL), chain.shards, 10)


def test_the_command_writes_figures_and_a_table(chain, normalization, tmp_path, monkeypatch):
    torch.manual_seed(3)
    HyperVAE(normalization, ["g", "q"], MODEL).save(tmp_path / "gq", chain.normalization)
    (tmp_path / "list.txt").write_text("".join(f"{path}\n" for path in chain.shards))
    monkeypatch.chdir(tmp_path / "gq")
    arguments = ["equivariance", "--model", ".", "--shards", tmp_path / "list.txt"]
    arguments += ["--output", tmp_path / "out.json", "--table", tmp_path / "out.html"]
    arguments += ["--jets", 6, "--transformations", 2, "--threads", 1]
    done = CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["model"] == "gq"
    assert content["jets"] == 6
    assert content["broken_bounds"] == []
    assert content["figures"]["particle_fp64"] < content["bounds"]["particle_fp64"] == 1e-6
    table = (tmp_path / "out.html").read_text()
    for words in ("rotations about the beam", "decoder_fp64", "≤ 1e-06", "All bounds are met"):
        assert words in table
    # what has no bound says why, and the title which group is exact
    assert f"<td>{html.escape(UNBOUNDED['encoder_general'])}</td>" in table
    assert "<td></td>" not in table
    assert html.escape(exact_symmetry(content)) in table
    assert "what stays exact is: rotations about the beam" in exact_symmetry(content)


@pytest.mark.parametrize(
    ("particle", "left", "words"),
    [
        (1e-9, "rotations", "what stays exact is: rotations."),
        (1e-9, TRIVIAL_GROUP, "no symmetry is exact."),
        (None, "rotations about the beam", "no boost is a symmetry of generated jets"),
    ],
)
def test_which_group_is_exact_is_said(particle, left, words):
    said = exact_symmetry({"figures": {"particle_fp32": particle, "residual_group": left}})
    assert words in said
    assert "proper orthochronous Lorentz group if the reference vectors are transformed" in said
    assert ("no encoder" in said) == (particle is None)


def test_two_jets_of_each_type_are_taken_at_least(normalization, chain):
    model = HyperVAE(normalization, ["g", "q"], MODEL)
    assert len(held_out_jets(model, chain.shards, 2)[0]) == 4
    with pytest.raises(InputError, match="test jets of type q: found 0, expected at least 2"):
        held_out_jets(model, chain.shards[:2], 2)


def test_float64_jets_stay_float64(measured, jets):
    """Rounding to float32 on the way would move pairs between bins."""
    of = measured()
    exact = Jets(jets.particle_features.astype(np.float64), jets.jet_features.astype(np.float64))
    exact.particle_features[..., :2] += 1e-10 * exact.particle_features[..., 3:]
    batch = of.model.batch(exact, dtype=torch.float64)
    assert (batch.momenta != of.model.batch(jets, dtype=torch.float64).momenta).any()
