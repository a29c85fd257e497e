"""The Energy Mover's Distance, coverage and minimum matching distance."""

import numpy as np
import pytest
from scipy.optimize import linprog

from hypervae.evaluation.coverage import coverage, emd, emds
from tests.unit.evaluation.jets import stretched, top_jets
from tests.unit.evaluation.reference import coordinates, seeded_jetnet
from tests.unit.toys import toy_jets


def brute_force(jet, other):
    """The EMD as a linear program: min sum f theta + |sum pt - sum pt'|."""
    n, m = len(jet), len(other)
    theta = np.hypot(jet[:, None, 1] - other[None, :, 1], jet[:, None, 2] - other[None, :, 2])
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    moved = min(jet[:, 0].sum(), other[:, 0].sum())
    result = linprog(
        theta.ravel(),
        A_ub=np.vstack([rows, columns]),
        b_ub=np.concatenate([jet[:, 0], other[:, 0]]),
        A_eq=np.ones((1, n * m)),
        b_eq=[moved],
    )
    return result.fun + abs(jet[:, 0].sum() - other[:, 0].sum())


def events(jets):
    return coordinates(jets)[:, :, [2, 0, 1]]


def test_agrees_with_a_linear_program():
    jets, others = events(toy_jets(3, 1, max_particles=7)), events(toy_jets(3, 2, max_particles=6))
    jets[1, 4:] = others[2, 3:] = 0
    found = emds(jets, others)
    for i in range(3):
        for j in range(3):
            assert found[i, j] == pytest.approx(brute_force(jets[i], others[j]), rel=1e-6)


def test_single_particles_and_the_same_jet():
    one, other = np.array([[1.0, 0.1, 0.2]]), np.array([[0.6, 0.4, 0.6]])
    assert emd(one, other) == pytest.approx(0.6 * 0.5 + 0.4)
    jet = events(toy_jets(1))[0]
    assert emd(jet, jet[::-1]) == pytest.approx(0.0, abs=1e-12)
    assert emd(jet, jet * [1, -1, -1]) == pytest.approx(emd(jet * [1, -1, -1], jet))


def test_protocol_is_jetnets(monkeypatch):
    # With our EMDs, since its own do not work: 3 batches of 12 jets of each side.
    real, made = toy_jets(40, 1), toy_jets(30, 2, "q")
    found = coverage(made, real, seed=8, samples=12, batches=3)
    arrays = coordinates(real), coordinates(made)
    with seeded_jetnet(8) as gen_metrics:
        monkeypatch.setattr(gen_metrics, "emds", emds)
        theirs = [gen_metrics.cov_mmd(*arrays, 12, num_batches=1, use_tqdm=False) for _ in range(3)]
    for name, values in zip(("cov", "mmd"), zip(*theirs, strict=True), strict=True):
        np.testing.assert_allclose(found[name], (np.mean(values), np.std(values)), rtol=1e-12)
    assert coverage(made, real, seed=8, samples=12, batches=3) == found


def test_collapsed_and_wide_jets_are_seen():
    jets = top_jets()[:200]
    floor = coverage(top_jets()[200:400], jets, seed=1, samples=30, batches=2)
    collapsed = coverage(top_jets()[200:201], jets, seed=1, samples=30, batches=2)
    assert collapsed["cov"].value == pytest.approx(1 / 30)
    assert floor["cov"].value > 0.3
    wide = coverage(stretched(top_jets()[200:400], 2.0), jets, seed=1, samples=30, batches=2)
    for moved in (wide, collapsed):
        assert moved["mmd"].value > floor["mmd"].value + 4 * floor["mmd"].error
