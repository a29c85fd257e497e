"""The plane unfolded about the jet axis."""

import pytest
import torch

from hypervae.scaffold.coordinates import Layout
from hypervae.scaffold.edges.choice import edge_of
from hypervae.scaffold.edges.interface import NoEdge
from hypervae.scaffold.edges.registry import EDGES


def places(reach, number=2000):
    generator = torch.Generator().manual_seed(1)
    return reach * torch.randn(number, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("radius", [0.4, 0.8])
def test_folding_undoes_unfolding(name, radius):
    edge = EDGES[name](radius)
    some = places(radius)
    torch.testing.assert_close(edge.fold(edge.unfold(some)), some, rtol=1e-9, atol=1e-12)
    wide = places(3 * radius)
    torch.testing.assert_close(edge.unfold(edge.fold(wide)), wide, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", EDGES)
def test_lengths_grow_and_directions_stay(name):
    edge = EDGES[name](0.4)
    some = places(1.0)
    cross = edge.unfold(some)
    torch.testing.assert_close(cross[:, 0] * some[:, 1], cross[:, 1] * some[:, 0])
    lengths = torch.linspace(0, 2, 2001, dtype=torch.float64)
    for along in (0.0, 0.3, 1.0):
        unfolded = edge.unfolded(lengths, torch.full_like(lengths, along))
        assert (unfolded.diff() >= lengths.diff() * (1 - 1e-9)).all()
    origin = torch.zeros(1, 2, dtype=torch.float64)
    assert torch.equal(edge.unfold(origin), origin)
    assert torch.equal(edge.fold(origin), origin)
    inside = places(0.03)
    torch.testing.assert_close(edge.unfold(inside), inside)


@pytest.mark.parametrize("name", EDGES)
def test_the_edge_is_far(name):
    edge = EDGES[name](0.4)
    ring = torch.tensor([[0.0, 0.38], [0.4, 0.0], [0.0, -0.42]], dtype=torch.float64)
    far = edge.unfold(ring).norm(dim=-1)
    # what falls off slowly in the unfolded plane ends at the radius
    assert far[2] - far[1] > 2.5 * (ring[2].norm() - ring[1].norm())
    assert (edge.fold(places(0.2)).norm(dim=-1) > 0.43).double().mean() < 0.025


def test_a_directed_edge_is_open_along_the_beam_and_closed_across():
    edge = EDGES["directed"](0.4)
    wide = 1.0 + places(1.0)[:, :1].abs()
    beam, across = (edge.fold(wide * torch.tensor(one)) for one in ([1.0, 0.0], [0.0, 1.0]))
    beyond = [folded.norm(dim=-1) - 0.4 for folded in (beam, across)]
    assert beyond[1].min() > 0
    torch.testing.assert_close(beyond[0], 2 * beyond[1])
    # what falls off across ends there: at the edge lengths are stretched twenty times
    ring = torch.tensor([[0.0, 0.399], [0.0, 0.4], [0.0, 0.401]], dtype=torch.float64)
    steps = edge.unfold(ring).norm(dim=-1).diff() / 1e-3
    torch.testing.assert_close(steps, torch.tensor([20.0, 10.0]).double(), rtol=0.05, atol=0)
    # halfway between the two directions the slope is their mean
    diagonal = edge.unfold(torch.tensor([[0.4, 0.4]], dtype=torch.float64)).norm()
    at_edge = edge.unfold(torch.tensor([[0.4, 0.0]], dtype=torch.float64)).norm()
    assert float(diagonal - at_edge) == pytest.approx(0.4 * (2**0.5 - 1) / 0.15, rel=1e-9)


def test_without_a_radius_nothing_is_unfolded():
    edge = edge_of(Layout(3))
    some = places(1.0)
    assert isinstance(edge, NoEdge)
    assert edge.unfold(some) is some
    assert edge.fold(some) is some
    assert edge.farthest == pytest.approx(1.6)
