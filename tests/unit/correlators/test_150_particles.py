"""Jets of 150 particles: correlators of all, hyperedges of the hardest."""

import numpy as np

from hypervae.config import NormalizationConfig, resolve_section
from hypervae.correlators import geometry
from hypervae.correlators.binning import Binning
from hypervae.correlators.compute import compute_correlators
from hypervae.data.jets import Jets
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from hypervae.hypergraph import HypergraphDataset
from hypervae.model import HyperVAE, make_batch
from hypervae.normalization.merge import merge_normalization
from tests.unit.correlators.reference import correlate_numpy


def wide_jets(n, particles=150, seed=0):
    """Jets of up to 150 particles with falling pT within a cone."""
    random = np.random.default_rng(seed)
    ptrel = -np.sort(-random.exponential(1.0, (n, particles)), axis=1)
    ptrel /= ptrel.sum(axis=1, keepdims=True) * 1.02
    mask = np.arange(particles) < random.integers(90, particles + 1, n)[:, None]
    angles = random.normal(0, 0.12, (n, particles, 2))
    features = np.concatenate([angles, ptrel[..., None], np.ones((n, particles, 1))], axis=-1)
    jets = np.stack([random.normal(1000, 50, n), random.normal(0, 1, n), np.full(n, 120.0)], axis=1)
    return Jets(
        (features * mask[..., None]).astype(np.float32),
        np.concatenate([jets, mask.sum(axis=1)[:, None]], axis=1).astype(np.float32),
        jet_type="t",
    )


def test_all_stages_take_150_particles(tmp_path):
    jets = wide_jets(40)
    shard, output = tmp_path / "shard.h5", tmp_path / "c.h5"
    write_shard(shard, jets, source="test")
    config = resolve_section(
        "correlators", {"orders": [2, 3], "bins": 60, "hyperedges": {"orders": [3]}}
    )
    compute_correlators(shard, output, config)
    with CorrelatorReader(output) as reader:
        total = reader.sums("all")
        assert reader.pair_bins(0, 1).shape == (1, 150 * 149 // 2)
    binning = Binning(60, 1e-4, 2.0)
    pair_bins, weight = geometry.pair_bins(jets, binning), geometry.weights(jets)
    for row, order in enumerate((2, 3)):
        wanted = correlate_numpy(weight, jets.multiplicity, pair_bins, order, binning.size)
        np.testing.assert_allclose(total.enc[row], wanted, atol=1e-11 * 40)
    # hyperedges: the hardest 30 only, so their number is bounded
    assert total.sets.sum() == 40 * (30 * 29 * 28 // 6)
    assert total.pairs.sum() == (jets.multiplicity * (jets.multiplicity - 1) // 2).sum()

    merge_normalization([output], tmp_path / "n.h5", NormalizationConfig())
    data = HypergraphDataset([shard], [output], tmp_path / "n.h5")[0]
    n = int(jets.multiplicity[0])
    assert data.x.shape == (n, 4)
    assert data.edge_attr.shape == (n * (n - 1), 5)
    assert data.hyperedge_attr.shape == (4060, 2)
    assert int(data.hyperedge_index[0].max()) == 29

    merged = read_normalization(tmp_path / "n.h5")
    small = {"latent_dim": 4, "blocks": 1, "vector_channels": 4, "scalar_channels": 8, "heads": 2}
    model = HyperVAE(merged, ["t"], small)
    mean, _ = model.encoder(make_batch(jets[:3], merged))
    assert np.isfinite(mean.detach().numpy()).all()
    assert model.generate(3, seed=1).particle_features.shape == (3, 150, 4)
    model = HyperVAE(merged, ["t"], {**small, "latent_dim": 0, "decoder": "hierarchical"})
    model.fit_decoder([model.batch(jets)])
    assert model.generate(3, seed=1).particle_features.shape == (3, 150, 4)
