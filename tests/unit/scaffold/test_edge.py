"""The plane unfolded about the jet axis."""

import pytest
import torch

from hypervae.scaffold.edge import fold, unfold


def places(reach, number=2000):
    generator = torch.Generator().manual_seed(1)
    return reach * torch.randn(number, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("radius", [0.4, 0.8])
def test_folding_undoes_unfolding(radius):
    some = places(radius)
    torch.testing.assert_close(fold(unfold(some, radius), radius), some, rtol=1e-10, atol=1e-12)
    wide = places(3 * radius)
    torch.testing.assert_close(unfold(fold(wide, radius), radius), wide, rtol=1e-8, atol=1e-10)


def test_the_middle_stays_and_the_edge_is_far():
    inside = places(0.05)
    assert torch.equal(unfold(inside, 0.4), inside)
    ring = torch.tensor([[0.3, 0.0], [0.0, 0.38], [0.4, 0.0], [0.0, -0.42]], dtype=torch.float64)
    far = unfold(ring, 0.4).norm(dim=-1)
    assert far[0] == pytest.approx(0.3)
    # what falls off slowly in the unfolded plane ends at the radius
    assert far[3] - far[2] > 2.5 * (ring[3].norm() - ring[2].norm())
    assert (fold(places(0.2), 0.4).norm(dim=-1) > 0.43).double().mean() < 0.025


def test_directions_stay_and_nothing_is_unfolded_without_a_radius():
    some = places(1.0)
    assert unfold(some, None) is some
    assert fold(some, None) is some
    cross = unfold(some, 0.4)
    torch.testing.assert_close(cross[:, 0] * some[:, 1], cross[:, 1] * some[:, 0])
    origin = torch.zeros(1, 2, dtype=torch.float64)
    assert torch.equal(unfold(origin, 0.4), origin)
    assert torch.equal(fold(origin, 0.4), origin)
