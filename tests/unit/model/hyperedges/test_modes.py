import itertools
import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from hypervae.correlators.geometry import pair_bins, pair_indices
from hypervae.data.jets import Jets
from hypervae.model import HyperVAE, ModelConfig, make_batch
from hypervae.model.hyperedges.branch import BranchConfig, TokenBranch
from hypervae.model.hyperedges.clustered import cluster_list
from hypervae.model.hyperedges.listing import complete_list
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.hyperedges.sets import BinnedTargets
from tests.unit.chain import MODEL, SLOTS, small_jets

SAMPLES = 50
COMPLETE = ("attention", "mlp", "chunked", "sparse")


@pytest.fixture
def jets():
    """Jets of 1 to 12 particles, of which 10 form sets."""
    return small_jets(10, seed=2)


def batch_of(jets, normalization, mode, decoder="binned", **options):
    options = {"hyperedge_samples": SAMPLES, "dtype": torch.float64, **options}
    return make_batch(jets, normalization, encoder=mode, decoder=decoder, **options)


def every_set(jets, normalization):
    """For each jet the sets by definition: rows of order, members, R_L bin and ln w."""
    codes = pair_bins(jets, normalization.binning)
    i, j = pair_indices(jets.particle_features.shape[1])
    for jet, n in enumerate(jets.multiplicity):
        hardest = min(int(n), normalization.settings.hyperedges.max_particles)
        code_of = dict(zip(zip(i, j, strict=True), codes[jet], strict=True))
        pt = jets.particle_features[jet, :, 2].astype(np.float64)
        rows = []
        for index, order in enumerate(normalization.hyperedge_orders):
            for members in itertools.combinations(range(hardest), order):
                code = max(code_of[pair] for pair in itertools.combinations(members, 2))
                ln_w = sum(math.log(pt[member] / pt.sum()) for member in members)
                rows.append((index, members, int(code), ln_w))
        yield rows


def scaled(normalization, code, mean_log, log_sum):
    """Features of a token of sets in these bins: mean over the bins' rows, then the logarithms."""
    scaler = normalization.hyperedge
    ratios = normalization.ln_ratio[:, code].reshape(len(normalization.ln_ratio), -1).mean(axis=1)
    values = np.array([*ratios, mean_log, log_sum])
    offset, scale = ([*v, v[-1]] for v in (scaler.offset, scaler.scale))
    return (values - offset) / scale


def grouped(rows, key):
    groups = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def rows_of(batch, jet):
    """Tokens of a jet as rows (order, count, features), sorted."""
    here = batch.hyperedge_count[jet] > 0
    parts = (batch.hyperedge_order, batch.hyperedge_count)
    columns = torch.stack([part[jet][here].double() for part in parts], dim=1)
    return sort(np.concatenate([columns, batch.hyperedges[jet][here].double()], axis=1))


def sort(rows):
    return rows[np.lexsort(rows.round(6).T)]


@pytest.mark.parametrize("mode", [*COMPLETE, "binned", "clustered"])
def test_tokens_are_those_of_the_definition(jets, normalization, mode):
    batch = batch_of(jets, normalization, mode)
    keys = {
        "binned": lambda row: (row[0], row[2]),
        "clustered": lambda row: (row[0], row[1][:2]),
    }
    for jet, rows in enumerate(every_set(jets, normalization)):
        expected = []
        for (index, *_), group in grouped(rows, keys.get(mode, lambda row: row[:2])).items():
            logs = np.array([row[3] for row in group])
            values = scaled(
                normalization,
                [row[2] for row in group],
                logs.mean(),
                math.log(np.exp(logs).sum()),
            )
            expected.append([index, len(group), *values])
        found = rows_of(batch, jet)
        assert len(found) == len(expected)
        if expected:
            np.testing.assert_allclose(found, sort(np.array(expected)), atol=1e-6)
        assert not batch.hyperedges[jet][batch.hyperedge_count[jet] == 0].any()


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_float32_is_float64_rounded(jets, normalization, mode):
    single, double = (
        batch_of(jets, normalization, mode, mode, dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    )
    assert not torch.equal(single.hyperedges.double(), double.hyperedges)
    for one, other in zip(single.tensors(), double.tensors(), strict=True):
        if one.is_floating_point():
            assert (one.dtype, other.dtype) == (torch.float32, torch.float64)
            torch.testing.assert_close(one.double(), other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_the_order_of_particles_padding_and_companions_do_not_matter(jets, normalization, mode):
    assert jets.multiplicity.max() > 10  # the hardest form sets, wherever they stand
    expected = batch_of(jets, normalization, mode)
    order = np.random.default_rng(3).permutation(12)
    shuffled = jets.particle_features.copy()
    for jet, n in enumerate(jets.multiplicity):
        shuffled[jet, :n] = shuffled[jet, order[order < n]]
    padded = np.pad(jets.particle_features, [(0, 0), (0, 4), (0, 0)])
    for particles in (shuffled, padded):
        found = batch_of(Jets(particles, jets.jet_features), normalization, mode)
        for jet in range(len(jets)):
            np.testing.assert_allclose(rows_of(found, jet), rows_of(expected, jet), atol=1e-9)
    for jet in range(len(jets)):
        alone = batch_of(jets[np.array([jet])], normalization, mode)
        np.testing.assert_array_equal(rows_of(alone, 0), rows_of(expected, jet))


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_jets_without_sets(jets, normalization, mode):
    batch = batch_of(jets[np.array([0, 1])], normalization, mode, mode)
    assert not batch.hyperedge_count.any()
    targets = batch.hyperedge_targets
    assert not (targets.fraction if mode == "binned" else targets.mask).any()
    assert batch.hyperedges.shape[2] == len(normalization.hyperedge.names) + 1
    for tensor in batch.tensors():
        assert torch.isfinite(tensor).all()


def test_sparse_tokens_are_sorted_by_order_bin_and_weight(jets, normalization):
    batch = batch_of(jets, normalization, "sparse")
    for jet, rows in enumerate(every_set(jets, normalization)):
        rows = sorted((row[0], row[2], row[3]) for row in rows)
        assert (batch.hyperedge_count[jet, : len(rows)] == 1).all()
        assert not batch.hyperedge_count[jet, len(rows) :].any()
        for place, (index, code, ln_w) in enumerate(rows):
            assert batch.hyperedge_order[jet, place] == index
            expected = scaled(normalization, code, ln_w, ln_w)
            np.testing.assert_allclose(batch.hyperedges[jet, place], expected, atol=1e-6)


def numbers(index, mask):
    return index[mask].tolist()


@pytest.mark.parametrize("mode", [*COMPLETE, "sampled"])
def test_sets_of_the_decoder_are_numbered_in_the_complete_list(jets, normalization, mode):
    jets = jets[np.arange(len(jets) - 1)] if mode == "mlp" else jets
    targets = batch_of(jets, normalization, "binned", mode).hyperedge_targets
    orders = tuple(normalization.hyperedge_orders)
    members, order = complete_list(10, orders)
    assert len(members) == sum(math.comb(10, size) for size in orders)
    listed = [tuple(row[row < 10].tolist()) for row in members]
    place_of = dict(zip(zip(order.tolist(), listed, strict=True), range(len(listed)), strict=True))
    for jet, rows in enumerate(every_set(jets, normalization)):
        expected = {
            place_of[row[:2]]: scaled(normalization, row[2], row[3], 0)[:-1] for row in rows
        }
        found = numbers(targets.index[jet], targets.mask[jet])
        if mode == "sampled":
            assert len(found) == len(set(found)) == min(SAMPLES, len(rows))
        else:
            assert sorted(found) == sorted(expected)
        for number, values in zip(found, targets.features[jet][targets.mask[jet]], strict=True):
            np.testing.assert_allclose(values, expected[number], atol=1e-6)


def test_clusters_of_the_decoder_are_numbered_in_their_list(jets, normalization):
    targets = batch_of(jets, normalization, "binned", "clustered").hyperedge_targets
    members, order = cluster_list(10, tuple(normalization.hyperedge_orders))
    listed = zip(order.tolist(), map(tuple, members.tolist()), strict=True)
    place_of = dict(zip(listed, range(len(members)), strict=True))
    assert len(place_of) == len(members)
    for jet, rows in enumerate(every_set(jets, normalization)):
        groups = grouped(rows, lambda row: (row[0], row[1][:2]))
        found = numbers(targets.index[jet], targets.mask[jet])
        assert sorted(found) == sorted(place_of[key] for key in groups)
        values = dict(zip(found, targets.features[jet][targets.mask[jet]], strict=True))
        for key, group in groups.items():
            mean = np.mean([row[3] for row in group])
            expected = scaled(normalization, [row[2] for row in group], mean, 0.0)[:-1]
            np.testing.assert_allclose(values[place_of[key]], expected, atol=1e-6)


def test_the_binned_decoder_has_no_sets(jets, normalization):
    targets = batch_of(jets, normalization, "mlp", "binned").hyperedge_targets
    assert isinstance(targets, BinnedTargets)
    assert targets.fraction.any()


def test_histograms_do_not_depend_on_the_tokens(jets, normalization):
    expected = batch_of(jets, normalization, "binned").hyperedge_targets
    for mode in ("mlp", "sampled", "clustered"):
        found = batch_of(jets, normalization, mode).hyperedge_targets
        assert torch.equal(found.fraction, expected.fraction)
        assert torch.equal(found.log_weight, expected.log_weight)


def test_samples_stand_for_all_sets_and_their_mean_is_unbiased(jets, normalization):
    jets = jets[jets.multiplicity >= 8]
    torch.manual_seed(1)
    width = 8
    branch = TokenBranch(BranchConfig(6, width, 5, heads=2)).double().eval()
    particles = torch.randn(len(jets), SLOTS, 5, dtype=torch.float64)

    @torch.no_grad()
    def summary(batch):
        order = torch.nn.functional.one_hot(batch.hyperedge_order, 2).double()
        features = torch.cat([batch.hyperedges, order], dim=-1)
        return branch(features, batch.hyperedge_count, particles, batch.mask)[0]

    whole = batch_of(jets, normalization, "mlp")
    total = whole.hyperedge_count.sum(dim=1)
    found = []
    for key in range(400):
        keys = np.arange(len(jets), dtype=np.uint64) + np.uint64(1000 * key)
        batch = batch_of(jets, normalization, "sampled", keys=keys)
        torch.testing.assert_close(batch.hyperedge_count.sum(dim=1), total)
        assert ((batch.hyperedge_count > 0).sum(dim=1) == total.clamp(max=SAMPLES)).all()
        found.append(summary(batch))
    found, expected = torch.stack(found), summary(whole)
    error = found.std(dim=0) / len(found) ** 0.5
    pulls = ((found.mean(dim=0) - expected) / error.clamp_min(1e-12))[:, :width]
    assert error.min() > 1e-6
    assert pulls.abs().max() < 5
    assert pulls.square().mean() < 2
    # a maximum over some of the sets is at most that over all
    highest = found[..., width:]
    assert (highest <= expected[:, width:] + 1e-12).all()
    assert (highest.mean(dim=0) < expected[:, width:] - 1e-6).all()


def test_keys_are_made_from_the_jets_when_left_out(jets, normalization):
    one, other = (
        batch_of(jets, normalization, "sampled", keys=keys)
        for keys in (None, np.zeros(len(jets), dtype=np.uint64))
    )
    many = torch.from_numpy(jets.multiplicity >= 8)
    assert many.any()
    assert ((one.hyperedges - other.hyperedges).abs().amax(dim=(1, 2))[many] > 0).all()


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_a_model_trains_with_every_mode(normalization, mode):
    torch.manual_seed(1)
    options = {**MODEL, "hyperedge_encoder": mode, "hyperedge_samples": 20}
    warns = pytest.warns(UserWarning, match="full attention")
    with warns if mode == "attention" else nullcontext():
        model = HyperVAE(normalization, ["g"], options)
    batch = model.batch(small_jets(6, seed=1))
    mean, log_variance = model.encoder(batch)
    (mean.square().sum() + log_variance.square().sum()).backward()
    branch = model.encoder.hyperedges
    for name, parameter in branch.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert branch.network.mlp.embed.weight.grad.abs().max() > 0
    assert branch.reader.query.weight.grad.abs().max() > 0


def test_one_token_a_bin_equals_one_a_set(normalization):
    """Without ln w and the sum of w the encoder gives the same in both modes."""
    jets = small_jets(12, seed=5)
    options = {**MODEL, "hyperedge_log_weight": False, "hyperedge_weight_sum": False}
    found = {}
    state = None
    for mode in ("mlp", "binned", "chunked"):
        torch.manual_seed(1)
        model = HyperVAE(normalization, ["g"], {**options, "hyperedge_encoder": mode}).double()
        state = state or model.state_dict()
        model.load_state_dict(state)
        with torch.no_grad():
            found[mode] = torch.cat(model.eval().encoder(model.batch(jets)), dim=-1)
    assert SLOTS > 10  # not all particles form sets
    for mode in ("binned", "chunked"):
        torch.testing.assert_close(found[mode], found["mlp"], rtol=0, atol=1e-6)
    assert found["mlp"].std(dim=0).min() > 1e-3


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_no_jet_has_more_tokens_than_are_said(jets, normalization, mode):
    config = ModelConfig.of({**MODEL, "hyperedge_samples": SAMPLES})
    most = HYPEREDGE_MODES[mode].most_tokens(config, normalization)
    found = int((batch_of(jets, normalization, mode).hyperedge_count > 0).sum(1).max())
    assert found <= most
    full = normalization.hyperedge_particles <= jets.multiplicity.max()
    assert full
    if mode != "binned":  # not every bin is occupied
        assert found == most


def test_modes_that_save_memory_have_fewer_tokens(normalization):
    config = ModelConfig.of({**MODEL, "hyperedge_samples": SAMPLES})
    every = HYPEREDGE_MODES["mlp"].most_tokens(config, normalization)
    saving = [name for name, mode in HYPEREDGE_MODES.items() if mode.saves_memory]
    assert saving
    for name in saving:
        assert HYPEREDGE_MODES[name].most_tokens(config, normalization) < every
