"""Edges and hyperedges as the model decoded them, on the particles of the jets."""

import math

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.config import resolve_section
from hypervae.correlators.geometry import pair_indices
from hypervae.data.importing import import_shard
from hypervae.errors import InputError
from hypervae.export.decoded import DecodedHypergraphs
from hypervae.export.graphs import export_graphs
from hypervae.formats.shard import ShardReader
from hypervae.generation.generate import generate_jets
from hypervae.model import HyperVAE
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.losses.terms import HYPERGRAPH_TERMS
from hypervae.model.sampling import Sampler
from hypervae.model.sampling_config import SamplingConfig
from tests.unit.chain import CORRELATORS, MODEL, SLOTS

JETS = 40


@pytest.fixture
def exported(normalization, chain, tmp_path):
    """Generate and export with some model; the graphs, and the same jets from the sampler."""

    def run(mix=None, **changes):
        torch.manual_seed(3)
        model = HyperVAE(normalization, ["g", "q"], {**MODEL, **changes}).eval()
        model.save(tmp_path / "model", chain.normalization)
        mix = mix or {"q": 1.0}
        settings = {"jets": JETS, "batch_size": 17, "device": "cpu", "seed": 3, "mix": mix}
        config = resolve_section("generate", settings)
        generate_jets(tmp_path / "model", tmp_path / "g.h5", config)
        hypergraph = DecodedHypergraphs(tmp_path / "model")
        assert export_graphs(tmp_path / "g.h5", tmp_path / "g.pt", None, hypergraph) == JETS
        content = torch.load(tmp_path / "g.pt", weights_only=False)
        sample = Sampler(model, seed=3, mix=mix, sampling=SamplingConfig(hypergraph=True)).draw(
            JETS
        )
        return content, sample, normalization

    return run


@pytest.mark.parametrize("decoder", ["one_shot", "flow"])
def test_edges_are_those_of_the_particles_by_rank(exported, decoder):
    content, sample, normalization = exported(decoder=decoder, mix={"q": 1, "g": 1})
    assert content["metadata"]["edge_attr"] == list(normalization.edge.names)
    decoded = normalization.edge.inverse(sample.decoded.edges.double().numpy())
    number = {frozenset(pair): k for k, pair in enumerate(zip(*pair_indices(SLOTS), strict=True))}
    for row, graph in enumerate(content["graphs"]):
        n = len(graph.x)
        assert graph.edge_attr.shape == (n * (n - 1), 5)
        for pair, found in zip(graph.edge_index.T.tolist(), graph.edge_attr, strict=True):
            wanted = decoded[row, number[frozenset(pair)]]
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_the_binned_hyperedges_are_fractions_and_logarithms(exported):
    content, sample, normalization = exported(hyperedge_decoder="binned")
    bins = normalization.binning.size
    assert len(content["metadata"]["r_l_edges"]) == bins - 1
    fraction = torch.stack([graph.hyperedge_fraction for graph in content["graphs"]])
    ln_w = torch.stack([graph.hyperedge_ln_w for graph in content["graphs"]])
    assert fraction.shape == ln_w.shape == (JETS, 2, bins)
    torch.testing.assert_close(fraction.sum(-1), torch.ones(JETS, 2))
    wanted = sample.decoded.hyperedges.fraction_logits.softmax(-1)
    torch.testing.assert_close(fraction, wanted, rtol=1e-4, atol=1e-6)
    scaled = (ln_w - normalization.hyperedge.offset[-1]) / normalization.hyperedge.scale[-1]
    torch.testing.assert_close(
        scaled.float(), sample.decoded.hyperedges.log_weight, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("mode", ["mlp", "clustered"])
def test_the_sets_are_those_of_their_particles(exported, mode):
    content, sample, normalization = exported(hyperedge_decoder=mode)
    slots = CORRELATORS["hyperedges"]["max_particles"]
    members, kind = HYPEREDGE_MODES[mode].list_of(normalization)
    number = {
        (frozenset(row[row < slots].tolist()), int(order)): k
        for k, (row, order) in enumerate(zip(members, kind, strict=True))
    }
    decoded = normalization.hyperedge.inverse(sample.decoded.hyperedges.features.double().numpy())
    for row, graph in enumerate(content["graphs"]):
        n = min(len(graph.x), slots)
        if mode == "mlp":
            assert len(graph.hyperedge_attr) == math.comb(n, 3) + math.comb(n, 4)
        else:
            assert len(graph.hyperedge_attr) == sum(math.comb(max(n - k, 0), 2) for k in (1, 2))
        particles, sets = graph.hyperedge_index.numpy()
        assert particles.max(initial=-1) < len(graph.x)
        for k in range(len(graph.hyperedge_attr)):
            some = frozenset(particles[sets == k].tolist())
            # the clusters of triplets come first
            quadruplet = len(some) > 3 if mode == "mlp" else k >= math.comb(max(n - 1, 0), 2)
            wanted = decoded[row, number[some, int(quadruplet)]]
            np.testing.assert_allclose(graph.hyperedge_attr[k], wanted, rtol=1e-4, atol=1e-4)


def test_what_was_decoded_changes_nothing_for_the_import(exported, tmp_path):
    exported()
    import_shard(tmp_path / "g.pt", tmp_path / "back.h5", "q", SLOTS)
    with ShardReader(tmp_path / "back.h5") as back, ShardReader(tmp_path / "g.h5") as first:
        one, other = first.read(), back.read()
    np.testing.assert_allclose(other.particle_features, one.particle_features, atol=1e-5)


def change(path, edit):
    with h5py.File(path, "r+") as file:
        edit(file)


def move_one(file):
    file["particle_features"][23, 0, 1] += 1e-3


def cut_one(file):
    for name in ("particle_features", "jet_features"):
        file[name].resize(JETS - 1, axis=0)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (move_one, r"g\.h5: jet 23: found a difference of 0\.001, expected at most 1e-05"),
        (cut_one, r"g\.h5: jets: found 39, expected 40"),
        (lambda file: file.attrs.pop("settings"), "settings: found .*hypervae generate"),
        (lambda file: file.attrs.update(settings="[1]"), "settings: found .*hypervae generate"),
        (lambda file: file.attrs.update(settings='{"seed": 1}'), "settings: found"),
    ],
    ids=["moved", "cut", "no settings", "a list", "other settings"],
)
def test_jets_that_the_model_did_not_make_are_refused(exported, tmp_path, edit, message):
    exported()
    (tmp_path / "g.pt").unlink()
    change(tmp_path / "g.h5", edit)
    with pytest.raises(InputError, match=message):
        export_graphs(
            tmp_path / "g.h5", tmp_path / "g.pt", None, DecodedHypergraphs(tmp_path / "model")
        )
    assert not (tmp_path / "g.pt").exists()


def test_another_model_is_refused(exported, normalization, chain, tmp_path):
    exported()
    HyperVAE(normalization, ["g", "q"], MODEL).save(tmp_path / "other", chain.normalization)
    with pytest.raises(InputError, match=r"weights: found \w+, expected \w+, those of .*other"):
        export_graphs(
            tmp_path / "g.h5", tmp_path / "o.pt", None, DecodedHypergraphs(tmp_path / "other")
        )


def test_the_command(exported, tmp_path):
    exported()
    shard, model = str(tmp_path / "g.h5"), str(tmp_path / "model")
    arguments = ["export", shard, "--output", str(tmp_path / "c.pt")]
    done = CliRunner().invoke(cli, [*arguments, "--decoded", "--model", model, "--device", "cpu"])
    assert done.exit_code == 0, done.output
    graph = torch.load(tmp_path / "c.pt", weights_only=False)["graphs"][0]
    assert graph.edge_attr.shape[1] == 5
    assert "hyperedge_fraction" in graph


def test_a_model_that_never_learned_edges_has_nothing_to_export(normalization, chain, tmp_path):
    weights = dict.fromkeys(HYPERGRAPH_TERMS, 0.0)
    model = HyperVAE(normalization, ["q"], MODEL).eval()
    about = {"config": {"loss_weights": {"particle": 1.0, **weights}}}
    model.save(tmp_path / "model", chain.normalization, about)

    with pytest.raises(InputError, match="never learned to decode them") as error:
        DecodedHypergraphs(tmp_path / "model")

    assert "train.loss_weights: found 0 for edge, hyperedge" in str(error.value)
    about["config"]["loss_weights"]["hyperedge"] = 0.1
    model.save(tmp_path / "model", chain.normalization, about)
    DecodedHypergraphs(tmp_path / "model")
