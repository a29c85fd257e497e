from itertools import combinations

import numpy as np
import pytest
import torch

from hypervae.correlators.geometry import weights
from hypervae.model.decoder import Decoded
from hypervae.model.hyperedges.binned import BinnedConsistency, scale_gradient
from hypervae.model.hyperedges.clustered import ClusteredConsistency, cluster_list
from hypervae.model.hyperedges.consistency import ListedConsistency, stratified_indices
from hypervae.model.hyperedges.listing import complete_list
from hypervae.model.hyperedges.sets import BinnedSets, ListedSets, ListedTargets
from hypervae.model.noise import JetNoise
from tests.unit.chain import SLOTS, small_jets

HARDEST = 10  # of which sets are formed
NOISE = JetNoise()


@pytest.fixture
def jets():
    return small_jets(40, seed=6)


def decoded_of(jets, normalization, seed=1, **changes):
    """The jets' own particles, with random edges and hyperedges."""
    torch.manual_seed(seed)
    size, orders = len(jets), len(normalization.hyperedge_orders)
    coordinates = torch.from_numpy(jets.particle_features[..., :3].astype(np.float64))
    coordinates[..., 2] = coordinates[..., 2].clamp_min(1e-7).log()
    features = jets.jet_features.astype(np.float64)
    jet = np.stack([np.log(features[:, 0]), features[:, 1], np.log(features[:, 2])], axis=1)
    fields = {
        "multiplicity_logits": torch.zeros(size, SLOTS),
        "presence": torch.from_numpy(jets.mask).double(),
        "log_coordinates": coordinates,
        "edges": torch.randn(size, SLOTS * (SLOTS - 1) // 2, 5, dtype=torch.float64),
        "hyperedges": BinnedSets(
            torch.randn(size, orders, normalization.binning.size).double(),
            torch.randn(size, orders, normalization.binning.size).double(),
        ),
        "jet": torch.from_numpy(normalization.jet.forward(jet)),
    }
    return Decoded(**{**fields, **changes})


def listed_of(jets, normalization, features, **changes):
    return decoded_of(jets, normalization, hyperedges=ListedSets(features), **changes)


def soft(position, size):
    """A histogram of sum 1, filled linearly."""
    position = np.clip(position, 0, size - 1)
    lower = np.minimum(np.floor(position).astype(int), size - 2)
    out = np.zeros(size)
    np.add.at(out, lower, 1 - (position - lower))
    np.add.at(out, lower + 1, position - lower)
    return out / len(position)


def position_of(distance, binning):
    width = np.log(binning.high / binning.low) / binning.bins
    return (np.log(distance) - np.log(binning.low)) / width + 0.5


def sets_of(jets, row, order, kind="pt"):
    """Members, R_L and ln w of all sets of one jet's hardest particles."""
    count = min(int(jets.multiplicity[row]), HARDEST)
    angles = jets.particle_features[row, :, :2].astype(float)
    logs = np.log(weights(jets, kind)[row][:count])
    members = list(combinations(range(count), order))
    largest = [
        max(np.hypot(*(angles[i] - angles[j])) for i, j in combinations(some, 2))
        for some in members
    ]
    return members, np.array(largest), np.array([logs[list(some)].sum() for some in members])


def set_features_of(jets, row, order, normalization):
    """{members: scaled features} of all sets of one jet's hardest particles."""
    members, largest, log_weight = sets_of(jets, row, order)
    position = np.clip(position_of(largest, normalization.binning), 1, normalization.binning.bins)
    columns = np.arange(normalization.binning.size)
    ratios = [np.interp(position, columns, table) for table in normalization.ln_ratio]
    scaled = normalization.hyperedge.forward(np.stack([*ratios, log_weight], axis=1))
    return dict(zip(members, scaled, strict=True))


def test_gradient_share():
    values = torch.tensor([2.0], requires_grad=True)
    found = scale_gradient(values, 0.25)
    (3 * found).sum().backward()
    assert found.tolist() == [2.0]
    assert float(values.grad) == pytest.approx(0.75)


def test_few_numbers_come_once_and_many_without_preference():
    torch.manual_seed(1)
    number, valid = stratified_indices(torch.tensor([0, 1, 4, 5]), 4, NOISE)
    assert valid.sum(1).tolist() == [0, 1, 4, 4]
    assert number[2].tolist() == [0, 1, 2, 3]
    assert number[3].max() <= 4
    assert (number[3].diff() >= 0).all()  # one of each quarter
    number, valid = stratified_indices(torch.full((5000,), 10), 4, NOISE)
    assert valid.all()
    np.testing.assert_allclose(np.bincount(number.flatten(), minlength=10) / 20_000, 0.1, atol=0.01)
    huge, _ = stratified_indices(torch.tensor([10**12]), 4, NOISE)
    assert (huge // (10**12 // 4)).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("kind", ["pt", "energy"])
def test_binned_hyperedges_by_enumeration(jets, normalization, kind):
    decoded = decoded_of(jets, normalization)
    term = BinnedConsistency(normalization)
    term.energy = kind == "energy"
    found = term(decoded, None, NOISE)
    size = normalization.binning.size
    scaler = normalization.hyperedge
    fraction = torch.softmax(decoded.hyperedges.fraction_logits, dim=-1).numpy()
    log_weight = (fraction * decoded.hyperedges.log_weight.numpy()).sum(-1)
    for row in range(12):
        expected = []
        for place, order in enumerate(normalization.hyperedge_orders):
            members, largest, logs = sets_of(jets, row, order, kind)
            if not members:
                continue
            filled = soft(position_of(largest, normalization.binning), size)
            cumulative = (fraction[row, place] - filled).cumsum()
            wanted = (logs.mean() - scaler.offset[-1]) / scaler.scale[-1]
            expected.append((cumulative**2).sum() + (log_weight[row, place] - wanted) ** 2)
        assert float(found[row]) == pytest.approx(np.mean(expected or [0.0]), rel=1e-6)
    assert (found[jets.multiplicity < 3] == 0).all()


def test_binned_hyperedges_take_the_hardest_particles_wherever_they_are(jets, normalization):
    full = jets[jets.multiplicity > HARDEST]
    assert len(full) > 2
    term = BinnedConsistency(normalization)
    decoded = decoded_of(full, normalization)
    expected = term(decoded, None, NOISE)
    order = torch.arange(SLOTS)
    order[:11] = order[:11].flip(0)  # the slots in use stay the first
    decoded.log_coordinates = decoded.log_coordinates[:, order]
    torch.testing.assert_close(term(decoded, None, NOISE), expected)


def test_a_sample_of_sets_stands_for_all(jets, normalization):
    full = jets[jets.multiplicity > 8]
    decoded = decoded_of(full, normalization)
    term = BinnedConsistency(normalization)
    exact = term(decoded, None, NOISE)
    term.sets_drawn = 64
    sampled = torch.stack([term(decoded, None, NOISE) for _ in range(200)])
    assert (sampled.std(0) > 0).all()
    np.testing.assert_allclose(sampled.mean(0) / exact, 1.0, atol=0.02)


def test_the_sample_belongs_to_the_jet(jets, normalization):
    full = jets[jets.multiplicity > 8]
    keys = torch.arange(len(full)) + 17
    term = BinnedConsistency(normalization)
    term.sets_drawn = 16

    def of(rows):
        decoded = decoded_of(full, normalization)[rows]
        torch.manual_seed(3)
        return term(decoded, None, JetNoise(keys[rows]))

    whole = of(slice(None))
    torch.testing.assert_close(of(slice(2, 5)), whole[2:5])
    torch.testing.assert_close(of(torch.tensor([3, 0])), whole[[3, 0]])


def batch_of(jets, orders, list_of):
    """Numbers and mask of all sets or clusters, with those of absent particles masked."""
    members, order = list_of(HARDEST, tuple(orders))
    count = torch.from_numpy(np.minimum(jets.multiplicity, HARDEST))
    index = torch.arange(len(members)).expand(len(jets), -1)
    last = members.masked_fill(members == HARDEST, -1).amax(dim=1)
    if list_of is cluster_list:
        last = last + torch.tensor(orders)[order] - 2
    mask = last < count.unsqueeze(1)
    return ListedTargets(torch.empty(0), index, mask), members, order


@pytest.fixture
def own_sets(jets, normalization):
    """The batch of all sets, and the features of the jets' own sets."""
    orders = normalization.hyperedge_orders
    batch, members, order = batch_of(jets, orders, complete_list)
    values = torch.zeros(*batch.index.shape, len(orders) + 1, dtype=torch.float64)
    tables = {
        (row, number): set_features_of(jets, row, number, normalization)
        for row in range(len(jets))
        for number in orders
    }
    for row, column in batch.mask.nonzero().tolist():
        number = orders[order[column]]
        chosen = tuple(members[column, :number].tolist())
        values[row, column] = torch.from_numpy(tables[row, number][chosen])
    return batch, values


def test_sets_of_the_particles_themselves_are_consistent(jets, normalization, own_sets):
    batch, values = own_sets
    found = ListedConsistency(normalization)(listed_of(jets, normalization, values), batch, NOISE)
    torch.testing.assert_close(
        found, torch.zeros(len(jets), dtype=torch.float64), atol=1e-9, rtol=0
    )


def test_a_shift_of_the_sets_by_hand(jets, normalization, own_sets):
    batch, values = own_sets
    values = values.clone()
    values[..., -1] = values[..., -1].clamp(-5, 4) + 0.75  # 3 bins of 0.25
    own = listed_of(jets, normalization, values)
    found = ListedConsistency(normalization)(own, batch, NOISE)
    for row in range(12):
        expected = []
        for order in normalization.hyperedge_orders:
            table = set_features_of(jets, row, order, normalization)
            if table:
                logs = np.array(list(table.values()))[:, -1]
                one = soft((logs + 6) / 0.25, 49)
                other = soft((np.clip(logs, -5, 4) + 0.75 + 6) / 0.25, 49)
                distance = 0.25 * ((one - other).cumsum() ** 2).sum()
                expected.append(distance / values.shape[-1])
        assert float(found[row]) == pytest.approx(np.mean(expected or [0.0]), abs=1e-7)


def test_a_sample_of_the_listed_sets(jets, normalization, own_sets):
    batch, values = own_sets
    term = ListedConsistency(normalization)
    term.sets_drawn = 16
    own = listed_of(jets, normalization, values)
    assert float(term(own, batch, NOISE).abs().max()) < 1e-9
    own.hyperedges.features = values + 0.5
    several = jets.multiplicity > 2
    assert (term(own, batch, NOISE)[several] > 0.05).all()


def test_sets_of_slots_that_are_not_used_do_not_count(jets, normalization, own_sets):
    batch, values = own_sets
    full = np.flatnonzero(jets.multiplicity >= HARDEST)
    row = int(full[0])
    used = torch.from_numpy(jets.mask).double()
    used[row, 5:] = 0.0  # fewer are decoded than there are
    values = values.clone()
    members, _ = complete_list(HARDEST, tuple(normalization.hyperedge_orders))
    gone = (members.masked_fill(members == HARDEST, -1) >= 5).any(dim=1)
    values[row, gone] = 99.0
    logs = normalization.hyperedge.scale[-1]
    own = listed_of(jets, normalization, values, presence=used)
    # ln w of the rest changes by what the lost particles had: undo that
    total = own.log_coordinates[row, :, 2].exp()
    lost = torch.log(total[:5].sum() / (total * torch.from_numpy(jets.mask[row])).sum())
    orders = torch.tensor([len([m for m in some if m != HARDEST]) for some in members.tolist()])
    values[row, :, -1] -= orders * lost / logs
    found = ListedConsistency(normalization)(own, batch, NOISE)
    assert float(found[row]) == pytest.approx(0.0, abs=1e-9)


def test_clusters_of_the_particles_themselves_are_consistent(jets, normalization):
    orders = normalization.hyperedge_orders
    jets = jets[jets.multiplicity <= 6]  # few enough sets in a cluster to take all
    batch, members, order = batch_of(jets, orders, cluster_list)
    values = torch.full((*batch.index.shape, len(orders) + 1), 99.0, dtype=torch.float64)
    for row, column in batch.mask.nonzero().tolist():
        pair = tuple(members[column].tolist())
        table = set_features_of(jets, row, orders[order[column]], normalization)
        own = [features for some, features in table.items() if some[:2] == pair]
        values[row, column] = torch.from_numpy(np.mean(own, axis=0))
    assert batch.mask.sum() > 50
    term = ClusteredConsistency(normalization)
    own = listed_of(jets, normalization, values)
    assert float(term(own, batch, NOISE).abs().max()) < 1e-9
    own.hyperedges.features = values + 0.5
    assert (term(own, batch, NOISE)[jets.multiplicity > 2] > 0.05).all()


def test_without_sets_or_orders_there_is_nothing(jets, normalization):
    nothing = torch.zeros(len(jets), 0, len(normalization.hyperedge.names), dtype=torch.float64)
    index = torch.zeros(len(jets), 0, dtype=torch.int64)
    batch = ListedTargets(torch.empty(0), index, index.bool())
    term = ListedConsistency(normalization)
    assert not term(listed_of(jets, normalization, nothing), batch, NOISE).any()


def trained_by(term, decoded, targets=None, **options):
    """Names of what gets a gradient from a term."""
    hyperedges = {} if decoded.hyperedges is None else vars(decoded.hyperedges)
    leaves = {
        name: value.requires_grad_()
        for name, value in {**vars(decoded), **hyperedges}.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel()
    }
    value = term(decoded, targets, NOISE, **options).sum()
    found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
    return {name for name, g in zip(leaves, found, strict=True) if g is not None and g.any()}


def test_which_side_gives_way(jets, normalization, own_sets):
    targets, values = own_sets
    binned = decoded_of(jets, normalization)
    heads = {"fraction_logits", "log_weight"}
    term = BinnedConsistency(normalization)
    assert trained_by(term, binned) == {*heads, "log_coordinates"}
    # the estimate of a flow stays what it is
    flow = decoded_of(jets, normalization)
    assert trained_by(term, flow, estimated=True) == heads
    listed = listed_of(jets, normalization, values + 0.5)
    assert trained_by(ListedConsistency(normalization), listed, targets) == {"features"}


def test_particles_move_to_the_decoded_histogram(jets, normalization):
    """A jet that is too narrow gets wider if its hyperedges are decoded as wide ones."""
    chosen = jets[jets.multiplicity > 6]
    term = BinnedConsistency(normalization)
    decoded = decoded_of(chosen, normalization)
    wide = torch.zeros_like(decoded.hyperedges.fraction_logits)
    wide[..., -4] = 50.0
    decoded.hyperedges.fraction_logits = wide
    decoded.log_coordinates.requires_grad_()
    before = term(decoded, None, NOISE)
    (gradient,) = torch.autograd.grad(before.sum(), decoded.log_coordinates)
    center = decoded.log_coordinates[..., :2].detach()
    decoded.log_coordinates = decoded.log_coordinates.detach() - 1e-3 * gradient
    assert (term(decoded, None, NOISE) < before).all()
    used = torch.from_numpy(chosen.mask)

    def size(angles):
        return angles.norm(dim=-1)[used].mean()

    assert size(decoded.log_coordinates[..., :2]) > size(center)
