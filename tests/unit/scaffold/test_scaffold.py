"""Jets are their scaffolds and the shapes in them, exactly, however few particles they have."""

import awkward as ak
import fastjet
import numpy as np
import pytest
import torch

from hypervae.kinematics import relative_mass
from hypervae.scaffold.analysis import analyse
from hypervae.scaffold.assembly import assemble, jet_features
from hypervae.scaffold.border import (
    borders,
    fold_about_axes,
    nearness,
    unfold_about_axes,
)
from hypervae.scaffold.clustering import winner_takes_all_axes
from hypervae.scaffold.coordinates import Layout, coordinates
from hypervae.scaffold.geometry import mass_over_pt, scaffold_of, slots_of
from hypervae.scaffold.scores import NormalScores
from hypervae.scaffold.shapes import SlotTables, free_directions

SLOTS = 12
PLAIN = Layout(3, second_axes=False)
FINE = Layout(3)
BORDERED = Layout(3, borders=True)
EDGES = [(None, "isotropic"), (0.4, "isotropic"), (0.4, "directed")]


def made_jets(number=300, seed=0, slots=SLOTS):
    """Jets of 1 to `slots` particles in a few prongs, sorted by pT."""
    generator = np.random.default_rng(seed)
    prongs = generator.normal(0, 0.15, (number, 3, 2))
    which = generator.integers(3, size=(number, slots))
    places = np.take_along_axis(prongs, which[..., None], 1)
    places = places + generator.normal(0, 0.03, (number, slots, 2))
    ptrel = -np.sort(-generator.exponential(size=(number, slots)), axis=1)
    count = generator.integers(1, slots + 1, number)
    count[:slots] = np.arange(1, slots + 1)
    mask = np.arange(slots) < count[:, None]
    ptrel = ptrel * mask / (ptrel * mask).sum(1, keepdims=True) * 0.95
    particles = np.concatenate([places, ptrel[..., None], mask[..., None]], axis=-1)
    particles[~mask] = 0
    pt = generator.uniform(500, 1500, number)
    eta, mass = generator.normal(size=number), generator.uniform(0.05, 0.2, number) * pt
    return particles, np.stack([pt, eta, mass, count], axis=1)


def as_tensor(values):
    return torch.from_numpy(np.asarray(values, dtype=np.float64))


def back(found, layout, slots=SLOTS):
    scaffold = scaffold_of(as_tensor(np.nan_to_num(found.coordinates, nan=0.3)), layout, slots)
    shapes = as_tensor(found.offsets), as_tensor(found.ln_share)
    return scaffold, *assemble(scaffold, *shapes, layout)


@pytest.mark.parametrize("borders", [False, True])
@pytest.mark.parametrize(("radius", "edge"), EDGES)
@pytest.mark.parametrize("second_axes", [False, True])
@pytest.mark.parametrize("subjets", [2, 3, 4, 5])
def test_jets_come_back_from_their_scaffolds(subjets, second_axes, radius, edge, borders):
    particles, jets = made_jets()
    assert (np.linalg.norm(particles[..., :2], axis=-1) > 0.4).any(1).sum() > 20
    layout = Layout(subjets, second_axes, radius, borders, edge)
    found = analyse(particles, jets, layout)
    scaffold, places, mask = back(found, layout)
    np.testing.assert_array_equal(scaffold.multiplicities.numpy(), found.multiplicities)
    ptrel = np.where(mask, places[..., 2].exp(), 0.0)
    order = np.argsort(-ptrel, axis=1, kind="stable")
    places = np.take_along_axis(places[..., :2].numpy(), order[..., None], axis=1)
    np.testing.assert_allclose(places, particles[..., :2], atol=2e-6)
    ptrel = np.take_along_axis(ptrel, order, axis=1)
    np.testing.assert_allclose(ptrel, particles[..., 2], rtol=1e-6, atol=1e-9)
    features = jet_features(scaffold).numpy()
    expected = np.stack([np.log(jets[:, 0]), jets[:, 1], np.log(jets[:, 2])], axis=1)
    np.testing.assert_allclose(features, expected, atol=1e-12)


@pytest.mark.parametrize("borders", [False, True])
@pytest.mark.parametrize(("radius", "edge"), EDGES)
def test_a_lone_soft_particle_far_out_comes_back(radius, edge, borders):
    particles, jets = made_jets()
    particles[..., :2] *= 0.03
    particles[:, -1] = [0.35, 0.3, 4e-4, 1.0]
    full = particles[..., 3].all(1)
    layout = Layout(2, True, radius, borders, edge)
    found = analyse(particles[full], jets[full], layout)
    reach = [place for place, one in enumerate(coordinates(layout)) if "reach_second" in one.name]
    assert (np.nanmax(found.coordinates[:, reach], axis=1) > np.log(150)).sum() > 5
    _, places, _ = back(found, layout)
    far = places[..., 0].numpy().max(1)
    np.testing.assert_allclose(far, 0.35, atol=0.1)


def test_axes_are_those_of_n_subjettiness():
    """By FastJet contrib's winner-takes-all kT axes."""
    particles, _ = made_jets(60)
    full = particles[particles[..., 3].sum(1) > 5]
    counts = full[..., 3].sum(1).astype(int)
    momenta = [
        {
            "px": pt * np.cos(phi),
            "py": pt * np.sin(phi),
            "pz": pt * np.sinh(eta),
            "E": pt * np.cosh(eta),
        }
        for eta, phi, pt, _ in full[full[..., 3] > 0]
    ]
    array = ak.unflatten(ak.Array(momenta), counts)
    for subjets in (2, 3):
        cluster = fastjet.ClusterSequence(
            array, fastjet.JetDefinition(fastjet.kt_algorithm, 50.0, fastjet.WTA_pt_scheme)
        )
        jets = cluster.exclusive_jets(subjets)
        theirs = np.sort(np.arcsinh(ak.to_numpy(jets.pz / np.hypot(jets.px, jets.py))), axis=1)
        axes, _ = winner_takes_all_axes(full[..., 0], full[..., 1], full[..., 2], counts, subjets)
        ours = np.sort(np.take_along_axis(full[..., 0], axes, axis=1), axis=1)
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_tau_ratios_are_coordinates():
    particles, jets = made_jets()
    found = analyse(particles, jets, PLAIN)
    names = [coordinate.name for coordinate in coordinates(PLAIN)]
    full = particles[..., 3].sum(1) > 4
    axes, _ = winner_takes_all_axes(
        particles[..., 0],
        particles[..., 1],
        particles[..., 2],
        full * 0 + jets[:, 3].astype(int),
        3,
    )
    place = np.take_along_axis(particles[..., :2], np.maximum(axes, 0)[..., None], axis=1)
    far = np.linalg.norm(particles[:, :, None, :2] - place[:, None], axis=-1)
    tau = [(particles[..., 2] * far[..., :n].min(-1)).sum(1) for n in (1, 2, 3)]
    for n in (1, 2):
        column = found.coordinates[:, names.index(f"ln_tau{n + 1}{n}")]
        expected = np.log(tau[n][full] / tau[n - 1][full])
        np.testing.assert_allclose(column[full], expected, atol=1e-9)


@pytest.mark.parametrize("borders", [False, True])
@pytest.mark.parametrize(("radius", "edge"), EDGES)
@pytest.mark.parametrize("second_axes", [False, True])
def test_any_numbers_are_a_scaffold_of_physical_jets(second_axes, radius, edge, borders):
    generator = torch.Generator().manual_seed(0)
    layout = Layout(4, second_axes, radius, borders, edge)
    wild = 3 * torch.randn(500, len(coordinates(layout)), generator=generator, dtype=torch.float64)
    scaffold = scaffold_of(wild, layout, SLOTS)
    assert (scaffold.multiplicities.sum(1) >= 1).all()
    assert (scaffold.multiplicities.sum(1) <= SLOTS).all()
    shapes = torch.randn(500, SLOTS, 3, generator=generator, dtype=torch.float64)
    places, mask = assemble(scaffold, shapes[..., :2], shapes[..., 2], layout)
    assert torch.isfinite(places).all()
    assert torch.equal(mask.sum(1), scaffold.multiplicities.sum(1))


def test_mirrored_jets_differ_in_the_mirrors_only():
    particles, jets = made_jets()
    one = analyse(particles, jets, FINE).coordinates
    mirrored, other = particles.copy(), jets.copy()
    mirrored[..., 0] *= -1
    other[:, 1] *= -1
    two = analyse(mirrored, other, FINE).coordinates
    names = [coordinate.name for coordinate in coordinates(FINE)]
    rest = [place for place, name in enumerate(names) if not name.startswith("mirror")]
    several = jets[:, 3] > 2
    np.testing.assert_allclose(one[several][:, rest], two[several][:, rest], atol=1e-9)
    flipped = names.index("mirror_eta")
    np.testing.assert_array_equal(one[several, flipped] + two[several, flipped], 1)


def test_scores_are_standard_normal_and_come_back():
    particles, jets = made_jets(4000)
    values = analyse(particles, jets, FINE).coordinates
    scores = NormalScores(FINE, 2).double()
    scores.fit(values, 1, seed=1)
    kind = torch.ones(len(values), dtype=torch.int64)
    noise = torch.rand(values.shape, dtype=torch.float64, generator=torch.manual_seed(2))
    found = scores(as_tensor(values), kind, noise)
    assert torch.isfinite(found).all()
    assert found.mean(0).abs().max() < 0.06
    assert (found.std(0) - 1).abs().max() < 0.05
    again = scores.inverse(found, kind).numpy()
    for place, coordinate in enumerate(coordinates(FINE)):
        there = np.isfinite(values[:, place])
        if coordinate.integer:
            np.testing.assert_array_equal(np.round(again[there, place]), values[there, place])
        else:
            error = np.abs(again[there, place] - values[there, place])
            assert np.quantile(error, 0.99) < 0.02 * max(values[there, place].std(), 1e-3), (
                coordinate.name
            )


@pytest.mark.parametrize("layout", [PLAIN, FINE])
def test_shapes_are_standard_normal_in_their_slots_and_come_back(layout):
    particles, jets = made_jets(4000)
    found = analyse(particles, jets, layout)
    scaffold = scaffold_of(as_tensor(np.nan_to_num(found.coordinates, nan=0.3)), layout, SLOTS)
    slots = slots_of(scaffold.multiplicities, SLOTS)
    tables = SlotTables(layout.cells, SLOTS, 1).double()
    tables.fit(found.offsets, found.ln_share, found.multiplicities, 0)
    kind = torch.zeros(len(jets), dtype=torch.int64)
    arguments = slots, scaffold.multiplicities, kind
    scores = tables.scores(as_tensor(found.offsets), as_tensor(found.ln_share), *arguments)
    free = free_directions(slots, scaffold.multiplicities) > 0
    for direction in range(3):
        values = scores[..., direction][free[..., direction]]
        assert abs(float(values.mean())) < 0.05
        assert abs(float(values.std()) - 1) < 0.05
    assert not scores[~free].any()
    offsets, ln_share = tables.shapes(scores, *arguments)
    error = (offsets - as_tensor(found.offsets)).norm(dim=-1)[slots.mask]
    assert float(error.quantile(0.99)) < 0.05
    error = (ln_share - as_tensor(found.ln_share)).abs()[slots.mask]
    assert float(error.quantile(0.99)) < 0.05


def test_slots_follow_the_counts():
    slots = slots_of(torch.tensor([[2, 1, 3], [1, 0, 0]]), 8)
    assert slots.cell[0].tolist() == [0, 0, 1, 2, 2, 2, 0, 0]
    assert slots.rank[0].tolist() == [0, 1, 0, 0, 1, 2, 0, 0]
    assert slots.mask.sum(1).tolist() == [6, 1]


def test_the_mass_is_that_of_the_summed_momenta():
    particles, jets = made_jets()
    places, ptrel = as_tensor(particles[..., :2]), as_tensor(particles[..., 2])
    found = mass_over_pt(places, ptrel).numpy()
    several = jets[:, 3] > 1
    np.testing.assert_allclose(found[several], relative_mass(particles)[several], rtol=1e-9)
    # of one particle it is 0, and not the root of a rounding error
    np.testing.assert_array_equal(found[~several], 0.0)


@pytest.mark.parametrize("layout", [PLAIN, FINE, BORDERED])
def test_made_jets_have_the_mass_of_their_scaffold(layout):
    """Wide ones too, whose mass is not proportional to their lengths."""
    particles, jets = made_jets()
    particles[..., :2] *= 2
    found = analyse(particles, jets, layout)
    scaffold = scaffold_of(as_tensor(np.nan_to_num(found.coordinates, nan=0.3)), layout, SLOTS)
    shapes = torch.randn(300, SLOTS, 3, generator=torch.manual_seed(1), dtype=torch.float64)
    places, mask = assemble(scaffold, shapes[..., :2], shapes[..., 2] - 2, layout)
    ptrel = torch.where(mask, places[..., 2].exp(), 0.0)
    several = torch.from_numpy(jets[:, 3] > 1)
    made = mass_over_pt(places[..., :2], ptrel)
    torch.testing.assert_close(made[several], scaffold.mass[several], rtol=1e-9, atol=0)


def nearest(places, axes):
    return np.linalg.norm(places[:, None] - axes, axis=-1).min(1)


def test_the_second_axis_lowers_the_tau_of_its_subjet_most():
    """By brute force over the particles of each subjet."""
    particles, jets = made_jets(80)
    plain, fine = analyse(particles, jets, PLAIN), analyse(particles, jets, FINE)
    names = [coordinate.name for coordinate in coordinates(FINE)]
    np.testing.assert_array_equal(
        fine.multiplicities.reshape(80, 3, 2).sum(2), plain.multiplicities
    )
    same = len(coordinates(PLAIN))
    np.testing.assert_array_equal(fine.coordinates[:, :same], plain.coordinates)
    checked = 0
    for jet in range(80):
        stops = np.cumsum(plain.multiplicities[jet])
        for subjet, (count, stop) in enumerate(zip(plain.multiplicities[jet], stops, strict=True)):
            values = {
                name[:-1]: fine.coordinates[jet, place]
                for place, name in enumerate(names)
                if place >= same and name.endswith(str(subjet))
            }
            if count < 3:
                assert np.isnan(list(values.values())).all()
                continue
            places = plain.offsets[jet, stop - count : stop].astype(float)
            share = np.exp(plain.ln_share[jet, stop - count : stop].astype(float))
            tau = [share @ nearest(places, places[[0, axis]]) for axis in range(1, count)]
            axis = places[1 + int(np.argmin(tau))]
            second = nearest(places, axis[None]) < nearest(places, places[:1])
            reach = np.linalg.norm(places, axis=1)
            assert values["count_second"] == second.sum()
            np.testing.assert_allclose(
                np.exp(values["ln_reach_second"]),
                (share * reach)[second].sum() / share[second].sum() / (share @ reach),
                rtol=1e-5,
            )
            np.testing.assert_allclose(values["hop_angle"], np.arctan2(axis[1], axis[0]), atol=1e-6)
            assert np.isnan(values["ln_narrowing"]) == (second.sum() == 1)
            assert np.isnan(values["logit_moment"]) == (second.sum() == count - 1)
            checked += 1
    assert checked > 60


def test_made_subjets_have_their_width_whatever_the_second_axes():
    """tau_K is a coordinate: cells of other shapes do not change it where they are not far off."""
    particles, jets = made_jets()
    found = analyse(particles, jets, FINE)
    values = as_tensor(np.nan_to_num(found.coordinates, nan=0.3))
    first, size = len(coordinates(PLAIN)), len(coordinates(FINE)) - len(coordinates(PLAIN))
    generator = torch.manual_seed(4)
    values[:, first:] += 0.3 * torch.randn(len(values), size, generator=generator).double()
    scaffold = scaffold_of(values, FINE, SLOTS)
    shapes = torch.randn(len(values), SLOTS, 3, generator=generator).double()
    places, mask = assemble(scaffold, shapes[..., :2], 0.3 * shapes[..., 2] - 2, FINE)
    share = torch.where(mask, places[..., 2].exp(), 0.0)
    subjet = slots_of(scaffold.multiplicities, SLOTS).cell // 2
    ratios = []
    for one in range(3):
        weight = share * (subjet == one) * mask
        count = scaffold.multiplicities.unflatten(1, (3, 2)).sum(2)[:, one]
        start = scaffold.multiplicities[:, : 2 * one].sum(1).clamp(max=SLOTS - 1)
        axis = places[..., :2].gather(1, start[:, None, None].expand(-1, 1, 2))
        width = (weight * (places[..., :2] - axis).norm(dim=-1)).sum(1) / weight.sum(1)
        plain = scaffold_of(values[:, :first], PLAIN, SLOTS)
        ratios.append(torch.where(count > 2, width / plain.width[:, one], torch.nan))
    # up to the unit of lengths, which is that of all subjets of a jet
    ratios = torch.stack(ratios, dim=1)
    several = ratios.isfinite().sum(1) > 1
    spread = torch.stack([r[r.isfinite()].log().std() for r in ratios[several]])
    assert several.sum() > 50
    assert float(spread.median()) < 1e-6


@pytest.mark.parametrize("second_axes", [False, True])
def test_made_particles_are_nearest_to_the_axis_of_their_own_subjet(second_axes):
    """And the subjets have their width, which makes tau_K what the coordinates say."""
    particles, jets = made_jets()
    layout = Layout(3, second_axes, borders=True)
    found = analyse(particles, jets, layout)
    scaffold = scaffold_of(as_tensor(np.nan_to_num(found.coordinates, nan=0.3)), layout, SLOTS)
    shapes = torch.randn(300, SLOTS, 3, generator=torch.manual_seed(1), dtype=torch.float64)
    places, mask = assemble(scaffold, shapes[..., :2], 0.3 * shapes[..., 2] - 2, layout)
    cells = 1 + second_axes
    subjet = slots_of(scaffold.multiplicities, SLOTS).cell // cells
    counts = scaffold.multiplicities.unflatten(1, (3, cells)).sum(2)
    starts = (counts.cumsum(1) - counts).clamp(max=SLOTS - 1)
    axes = places[..., :2].gather(1, starts.unsqueeze(-1).expand(-1, -1, 2))
    far = (places[:, :, None, :2] - axes[:, None]).norm(dim=-1)
    far = torch.where((counts > 0)[:, None], far, torch.inf)
    own = far.gather(2, subjet.unsqueeze(-1))[..., 0]
    assert (own <= far.amin(2) * (1 + 1e-6) + 1e-12)[mask].all()
    share = torch.where(mask, places[..., 2].exp(), 0.0)
    share = share / share.sum(1, keepdim=True)
    names = [coordinate.name for coordinate in coordinates(layout)]
    ratio = as_tensor(found.coordinates)[:, names.index("ln_tau32")].exp()
    width = (scaffold.share * scaffold.reach).sum(1)
    tau = (share * own).sum(1)
    # up to the unit of lengths, which is that of the distances of the axes
    unit = (axes[:, 1] - axes[:, 0]).norm(dim=-1) / scaffold.axes[:, cells].norm(dim=-1)
    right = (tau / (unit * width) - 1).abs() < 1e-6
    known = ratio.isfinite() & (width > 0)
    assert known.sum() > 200
    assert right[known].double().mean() > 0.9


def test_borders_are_half_way_and_unfolding_is_undone():
    generator = torch.manual_seed(5)
    nodes = torch.randn(50, 3, 2, generator=generator, dtype=torch.float64)
    places = 0.5 * torch.randn(50, 20, 2, generator=generator, dtype=torch.float64)
    normals = borders(nodes, torch.ones(50, 3, dtype=torch.bool))[:, :1].expand(-1, 20, -1, -1)
    inside = ((places[:, :, None] + nodes[:, :1, None] - nodes[:, None]).norm(dim=-1)).argmin(
        2
    ) == 0
    near = nearness(places, normals)
    torch.testing.assert_close(near < 1, inside)
    there = inside & (near < 1 - 1e-6)
    unfolded = unfold_about_axes(places, normals)
    torch.testing.assert_close(fold_about_axes(unfolded, normals)[there], places[there])
    torch.testing.assert_close(unfolded[near < 0.5], places[near < 0.5], rtol=0, atol=0)
    torch.testing.assert_close(
        borders(torch.zeros(1, 3, 2), torch.ones(1, 3) > 0).norm(), torch.tensor(0.0)
    )
