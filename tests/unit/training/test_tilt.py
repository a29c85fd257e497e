"""Coefficients by which draws that are kept have the means of jets."""

import pytest
import torch

from hypervae.training.tilt import tilt

MOST = 2.0


def draws(count=20_000, quantities=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, quantities, generator=generator)


def weights(found, moments, logits):
    moved = logits.double() + moments.double() @ found[:-1] + found[-1]
    return moved.exp().clamp_max(MOST)


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
def test_kept_draws_have_the_means_of_jets_whatever_the_odds_were(spread):
    moments = draws()
    logits = spread * (moments[:, 0] ** 2 - 1) - spread
    means = torch.tensor([0.2, -0.1, 0.0])
    found = tilt(means, moments, logits, MOST, jets=10**9)
    weight = weights(found, moments, logits)
    assert float(weight.mean()) == pytest.approx(1.0, abs=1e-6)
    kept = (weight.unsqueeze(1) * moments).mean(0)
    torch.testing.assert_close(kept, means.double(), rtol=0, atol=1e-5)
    cut = float((weight == MOST).double().mean())
    assert (cut > 0.05) == (spread > 0.1)  # the means are right though odds are cut off


def test_without_a_bound_it_is_the_exponential_family():
    """Draws of N(0, 1) that are to have a mean of m are weighted by exp(m x - m^2 / 2)."""
    moments = draws(200_000, 1)
    found = tilt(torch.tensor([0.3]), moments, torch.zeros(200_000), 100.0, jets=10**9)
    sample = 3 / 200_000**0.5
    assert float(found[0]) == pytest.approx(0.3 - float(moments.mean()), abs=sample)
    assert float(found[1]) == pytest.approx(-0.045, abs=sample)


def test_of_all_bounded_weights_with_these_means_it_is_the_nearest():
    """A weight that is moved on, with the same means, is farther from what was given."""
    moments = draws(2000, 2)
    logits = 0.7 * moments[:, 1]
    found = tilt(torch.tensor([0.3, 0.2]), moments, logits, MOST, jets=10**9)
    weight = weights(found, moments, logits)

    def distance(some):
        return float((some * (some.clamp_min(1e-30).log() - logits.double())).mean())

    generator = torch.Generator().manual_seed(1)
    fixed = torch.cat([moments.double(), torch.ones(2000, 1).double()], dim=1)
    tried = 0
    while tried < 20:
        move = torch.randn(2000, generator=generator, dtype=torch.float64)
        move[weight >= MOST] = 0.0
        free = fixed[weight < MOST]
        inside = torch.linalg.lstsq(free, move[weight < MOST].unsqueeze(1)).solution
        move[weight < MOST] -= (free @ inside).squeeze(1)
        other = weight + 0.05 * weight.min() * move
        if float(other.min()) < 0 or float(other.max()) > MOST:
            continue
        torch.testing.assert_close(fixed.T @ other, fixed.T @ weight)
        assert distance(other) > distance(weight)
        tried += 1


def test_of_few_jets_coefficients_are_smaller():
    """With m quantities of n jets by 1 / (1 + m / n), where weights are all but linear in them."""
    moments, means = draws(200_000, 30), draws(100, 30, seed=1).mean(0) / 10
    few = tilt(means, moments, torch.zeros(len(moments)), 1e9, jets=100)
    off = (means - moments.mean(0)) / 1.3
    torch.testing.assert_close(few[:-1], off.double(), rtol=0, atol=2e-3)


def test_means_that_no_draw_comes_near_are_no_reason_to_fail():
    moments = draws(500, 2).clamp(-1, 1)
    found = tilt(torch.tensor([4.0, 4.0]), moments, torch.zeros(500), MOST, jets=1000)
    assert torch.isfinite(found).all()
    kept = (weights(found, moments, torch.zeros(500)).unsqueeze(1) * moments).mean(0)
    assert bool((kept > 0.3).all())
