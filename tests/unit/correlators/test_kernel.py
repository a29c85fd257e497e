"""The correlators against an independent reference, their definition and what is known of them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hypervae.correlators import features, geometry, kernel
from hypervae.correlators.binning import Binning
from hypervae.data.jets import Jets
from hypervae.kinematics import four_momenta
from tests.unit.correlators.jets import BINNING, correlators, jet_of, particles
from tests.unit.correlators.reference import correlate_one
from tests.unit.toys import toy_jets

REFERENCE = Path(__file__).parents[2] / "data" / "eec_reference_gluon.npz"
ORDERS = [2, 3, 4, 5, 6]
EXPONENTS = st.sampled_from([0.5, 1.0, 1.3, 2.0])


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as file:
        return dict(file)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_every_bin_agrees_with_an_independent_implementation(reference, order):
    """EnergyEnergyCorrelators 1.1.1 (EECLongestSideLog) on 5,000 simulated gluon jets."""
    given_jets, mask = reference["jets"], reference["mask"].astype(bool)
    assert np.all(np.diff(mask.astype(int), axis=1) <= 0)  # particles first
    columns = [given_jets[..., 1], given_jets[..., 2], given_jets[..., 0] * mask, mask]
    jet_features = np.tile([1000.0, 0.0, 90.0, 30.0], (len(mask), 1))
    jets = Jets(np.stack(columns, axis=-1), jet_features)
    binning = Binning(200, 1e-4, 1.0)
    np.testing.assert_allclose(binning.edges, reference["edges"], rtol=1e-12)
    found = correlators(jets, [order], binning)[0]
    wanted = reference[f"n{order}"]
    assert wanted.sum() == pytest.approx(len(mask), rel=1e-12)
    assert np.abs(found - wanted).max() < 1e-11 * wanted.sum()


@given(particles(), st.sampled_from(ORDERS), EXPONENTS, st.sampled_from(["pt", "energy"]))
@settings(max_examples=150)
def test_the_definition_summed_tuple_by_tuple(rows, order, exponent, kind):
    jets = jet_of(rows, slots=len(rows) + 2)
    weight = geometry.weights(jets, kind, exponent)[0, : len(rows)]
    pair_bins = geometry.pair_bins(jets, BINNING)[0]
    wanted = correlate_one(weight, pair_bins, order, BINNING.size)
    found = correlators(jets, [order], BINNING, kind, exponent)[0]
    np.testing.assert_allclose(found, wanted, atol=1e-13 * wanted.sum(), rtol=0)


@pytest.mark.parametrize(("count", "order"), [(18, 5), (17, 6), (33, 4), (80, 3)])
def test_the_definition_for_more_particles_than_a_row_of_lanes(count, order):
    generator = np.random.default_rng(count)
    rows = np.column_stack(
        [generator.normal(0, 0.1, (count, 2)), -np.sort(-generator.gamma(0.5, size=count))]
    )
    jets = jet_of(rows)
    wanted = correlate_one(
        geometry.weights(jets)[0], geometry.pair_bins(jets, BINNING)[0], order, BINNING.size
    )
    np.testing.assert_allclose(correlators(jets, [order])[0], wanted, atol=1e-13, rtol=0)


@given(particles(), EXPONENTS)
def test_the_total_is_the_power_of_the_summed_weights(rows, exponent):
    found = correlators(jet_of(rows), ORDERS, exponent=exponent).sum(axis=1)
    z = rows[:, 2] / rows[:, 2].sum()
    np.testing.assert_allclose(found, (z**exponent).sum() ** np.array(ORDERS), rtol=1e-12)
    if exponent == 1:
        np.testing.assert_allclose(found, 1, rtol=1e-12)


@given(particles(), EXPONENTS)
def test_the_contact_terms_are_powers_of_the_single_weights(rows, exponent):
    jets = jet_of(rows)
    binning = Binning(40, 1e-9, 2.0)
    assume(np.all(geometry.pair_bins(jets, binning) > 0))
    z = rows[:, 2] / rows[:, 2].sum()
    wanted = [(z ** (exponent * order)).sum() for order in ORDERS]
    found = correlators(jets, ORDERS, binning, exponent=exponent)[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@given(st.floats(0.01, 0.99))
def test_two_particles_in_closed_form(z):
    found = correlators(jet_of([[0.1, 0, z], [-0.1, 0.2, 1 - z]]), ORDERS)
    (code,) = np.flatnonzero(found[0, 1:]) + 1
    assert BINNING.edges[code - 1] <= np.hypot(0.2, 0.2) < BINNING.edges[code]
    wanted = [1 - z**order - (1 - z) ** order for order in ORDERS]
    np.testing.assert_allclose(found[:, code], wanted, rtol=1e-12)
    np.testing.assert_allclose(found[1, code] / found[0, code], 3 / 2, rtol=1e-12)


@given(particles())
def test_the_cumulative_falls_with_the_order(rows):
    cumulative = correlators(jet_of(rows), ORDERS).cumsum(axis=1)
    assert np.all(np.diff(cumulative, axis=0) <= 1e-12)


@given(particles(smallest=2), st.floats(-2.5, 2.5))
def test_the_weighted_angles_sum_to_the_mass(rows, eta):
    """Sum over ordered pairs of z_i z_j 2 (cosh d eta - cos d phi) is 2 m^2 / (sum pt)^2."""
    jets = jet_of(rows, eta=eta)
    total = four_momenta(jets.particle_features, jets.jet_features)[0].sum(axis=0)
    mass_squared = total[0] ** 2 - (total[1:] ** 2).sum()
    pt = rows[:, 2] * 1000
    i, j = geometry.pair_indices(len(rows))
    m2 = np.exp(features.pair_features(jets)[0, :, 3])  # 2 pt_i pt_j (cosh - cos), once per pair
    angles = m2 / (pt[i] * pt[j])
    z = geometry.weights(jets)[0]
    found = 2 * (z[i] * z[j] * angles).sum()
    precision = 1e-13 * total[0] ** 2 + 2 * features.MASS_SQUARED_FLOOR * len(i)
    assert found == pytest.approx(2 * mass_squared / pt.sum() ** 2, abs=precision / pt.sum() ** 2)


@given(particles(smallest=2), st.randoms(use_true_random=False))
def test_the_order_of_the_particles_does_not_matter(rows, random):
    shuffled = random.sample(range(len(rows)), len(rows))
    one, two = correlators(jet_of(rows), ORDERS), correlators(jet_of(rows[shuffled]), ORDERS)
    np.testing.assert_allclose(one, two, atol=1e-13)


@given(particles(), st.data())
def test_a_collinear_splitting_changes_nothing(rows, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    fraction = data.draw(st.floats(0.05, 0.95))
    split = np.vstack([rows, rows[place]])
    split[place, 2] *= fraction
    split[-1, 2] *= 1 - fraction
    one, two = correlators(jet_of(rows), ORDERS), correlators(jet_of(split), ORDERS)
    np.testing.assert_allclose(one, two, atol=1e-13)


@given(particles(smallest=2), st.floats(-4, 4))
def test_a_rotation_about_the_beam_changes_nothing_even_across_pi(rows, angle):
    rows = np.round(rows * 1024) / 1024 + np.array(
        [0, 0, 1e-3]
    )  # so that differences of angles are exact
    angle = np.round(angle * 1024) / 1024
    assume(np.all(geometry.pair_bins(jet_of(rows), BINNING) != 0))
    rotated = rows + np.array([0, angle, 0])
    rotated[:, 1] -= 2 * np.pi * np.round(rotated[:, 1] / (2 * np.pi))
    binning = Binning(6, 1e-3, 2.0)
    edge_distance = np.abs(
        np.log(np.sqrt(geometry.delta_squared(jet_of(rows)))[..., None] / binning.edges)
    )
    assume(edge_distance.min() > 1e-9)
    one, two = (correlators(jet_of(jet), ORDERS, binning) for jet in (rows, rotated))
    np.testing.assert_allclose(one, two, atol=1e-13)


def test_phi_is_taken_across_pi():
    jets = jet_of([[0, np.pi - 0.05, 0.6], [0, -np.pi + 0.05, 0.4]])
    assert geometry.delta_squared(jets)[0, 0] == pytest.approx(0.01, rel=1e-12)
    (code,) = geometry.pair_bins(jets, BINNING)[0]
    assert BINNING.edges[code - 1] <= 0.1 < BINNING.edges[code]


def test_coincident_particles_go_to_the_underflow():
    found = correlators(jet_of([[0.1, 0.1, 0.5], [0.1, 0.1, 0.3], [0.1, 0.1, 0.2]]), ORDERS)
    np.testing.assert_allclose(found[:, 0], 1, rtol=1e-12)
    assert np.all(found[:, 1:] == 0)


@given(particles(smallest=2), st.sampled_from(ORDERS))
def test_pairs_outside_the_range_are_counted_and_no_error(rows, order):
    jets = jet_of(rows)
    narrow = Binning(3, 0.1, 0.2)
    found = correlators(jets, [order], narrow)[0]
    wanted = correlate_one(
        geometry.weights(jets)[0], geometry.pair_bins(jets, narrow)[0], order, narrow.size
    )
    np.testing.assert_allclose(found, wanted, atol=1e-13)
    farthest = np.sqrt(geometry.delta_squared(jets).max())
    assert (found[-1] > 0) == (farthest >= 0.2)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_orders_above_the_number_of_particles(count):
    rows = np.array([[0, 0, 0.5], [0.1, 0, 0.3], [0, 0.2, 0.2]])[:count]
    jets = jet_of(rows, slots=4)
    found = correlators(jets, ORDERS)
    for row, order in zip(found, ORDERS, strict=True):
        wanted = correlate_one(
            geometry.weights(jets)[0, :count],
            geometry.pair_bins(jets, BINNING)[0],
            order,
            BINNING.size,
        )
        np.testing.assert_allclose(row, wanted, atol=1e-14)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-13)


def test_errors_are_sums_of_the_squares_of_each_jet():
    jets = toy_jets(20)
    weight, pair_bins = geometry.weights(jets), geometry.pair_bins(jets, BINNING)
    arguments = (weight, jets.multiplicity, pair_bins)
    total, squares, cross = kernel.correlate(*arguments, [2, 4], BINNING.size)
    single = np.array(
        [kernel.correlate(*(a[k : k + 1] for a in arguments), [2, 4], BINNING.size)[0][0]
         for k in range(20)]
    )  # fmt: skip
    np.testing.assert_allclose(total[0], single.sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(squares[0], (single**2).sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(cross[0], (single * single[:, :1]).sum(axis=0), rtol=1e-13)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing_but_rounding(threads):
    jets = toy_jets(50)
    arguments = (
        geometry.weights(jets),
        jets.multiplicity,
        geometry.pair_bins(jets, BINNING),
        [2, 3, 4],
        BINNING.size,
    )
    for one, other in zip(
        kernel.correlate(*arguments), kernel.correlate(*arguments, threads=threads), strict=True
    ):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-16)


def test_groups_are_summed_apart_and_jets_do_not_touch_each_other():
    jets = toy_jets(24, max_particles=20)
    weight, pair_bins = geometry.weights(jets), geometry.pair_bins(jets, BINNING)
    group = np.arange(24) % 3
    arguments = (jets.multiplicity, pair_bins, [2, 3, 4], BINNING.size)
    total, squares, _ = kernel.correlate(weight, *arguments, kernel.Groups(group, 3))
    for index in range(3):
        alone = jets[group == index]
        found = correlators(alone, [2, 3, 4])
        np.testing.assert_allclose(total[index], found, rtol=1e-13, atol=1e-16)
    assert squares.shape == total.shape == (3, 3, BINNING.size)


def test_several_orders_at_once_are_each_order_alone():
    jets = toy_jets(10, max_particles=15)
    together = correlators(jets, ORDERS)
    for row, order in zip(together, ORDERS, strict=True):
        np.testing.assert_allclose(correlators(jets, [order])[0], row, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("factor", [3, 500])
def test_more_bins_than_a_byte_holds(factor):
    jets = toy_jets(30)
    coarse, fine = Binning(100, 1e-3, 2.0), Binning(100 * factor, 1e-3, 2.0)
    assert geometry.pair_bins(jets, coarse).dtype == np.uint8
    assert geometry.pair_bins(jets, fine).dtype == np.uint16
    one, two = correlators(jets, [2, 3], coarse), correlators(jets, [2, 3], fine)
    merged = two[:, 1:-1].reshape(2, 100, factor).sum(axis=2)
    np.testing.assert_allclose(one[:, 1:-1], merged, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(one[:, [0, -1]], two[:, [0, -1]], rtol=1e-12)


def test_compiled_functions_are_found_in_the_cache():
    # Numba keys its cache by what a closure holds; another compiled function never compares equal,
    # and every process would compile anew for seconds.
    import importlib
    import pkgutil

    from numba.core.dispatcher import Dispatcher

    import hypervae.correlators

    found = 0
    for module in pkgutil.iter_modules(hypervae.correlators.__path__, "hypervae.correlators."):
        for name, value in vars(importlib.import_module(module.name)).items():
            for compiled in value.values() if isinstance(value, dict) else [value]:
                if isinstance(compiled, Dispatcher):
                    cells = compiled.py_func.__closure__ or ()
                    held = [cell for cell in cells if isinstance(cell.cell_contents, Dispatcher)]
                    assert not held, f"{module.name}.{name}"
                    found += 1
    assert found > 10
