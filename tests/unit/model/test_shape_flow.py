"""The network of the shapes of cells."""

import numpy as np
import pytest
import torch

from hypervae.config import ModelConfig
from hypervae.model.shape_flow import ShapeContext
from hypervae.model.trunks.registry import TRUNKS
from hypervae.scaffold.coordinates import Layout, coordinates
from hypervae.scaffold.geometry import scaffold_of
from hypervae.scaffold.shapes import SlotTables

SLOTS, LAYOUT = 10, Layout(3)
SMALL = {"decoder": "hierarchical", "vector_channels": 4, "scalar_channels": 8, "heads": 2}
CONFIGS = {
    "transformer": {"hierarchical": {"width": 16, "blocks": 2, "heads": 2}},
    "slim": {"lgatr": "slim", "hierarchical": {"trunk": "lgatr", "width": 16}},
    "full": {"lgatr": "full", "hierarchical": {"trunk": "lgatr", "width": 16}},
}

pytestmark = pytest.mark.parametrize("trunk", CONFIGS)


def network_of(trunk, dtype=torch.float32):
    config = ModelConfig.model_validate({**SMALL, **CONFIGS[trunk]})
    tables = SlotTables(LAYOUT.cells, SLOTS, 1).to(dtype)
    return TRUNKS[config.hierarchical.trunk](tables, 5, config).to(dtype)


def made(trunk, jets=6, seed=0):
    torch.manual_seed(seed)
    values = torch.randn(jets, len(coordinates(LAYOUT)), dtype=torch.float64)
    names = [coordinate.name for coordinate in coordinates(LAYOUT)]
    values[:, names.index("multiplicity")] = torch.randint(1, SLOTS + 1, (jets,))
    values[:, names.index("count1")] = torch.randint(1, 4, (jets,))
    values[:, names.index("count2")] = torch.randint(1, 4, (jets,))
    scaffold = scaffold_of(values, LAYOUT, SLOTS)
    kind = torch.zeros(jets, dtype=torch.int64)
    context = ShapeContext.of(scaffold, kind, SLOTS, torch.float64)
    network = network_of(trunk, torch.float64)
    for parameter in network.parameters():  # read-outs start at zero
        torch.nn.init.normal_(parameter, std=0.3)
    points = torch.randn(jets, SLOTS, 3, dtype=torch.float64) * context.free
    condition, time = torch.randn(jets, 5, dtype=torch.float64), torch.rand(jets).double()
    return network, points, time, condition, context


def test_velocity_is_zero_where_nothing_is_free(trunk):
    network, points, time, condition, context = made(trunk)
    velocity = network(points, time, condition, context)
    assert torch.isfinite(velocity).all()
    assert not velocity[context.free == 0].any()
    assert velocity[context.free > 0].abs().min() > 0


def test_a_jet_does_not_see_its_batch(trunk):
    network, points, time, condition, context = made(trunk)
    whole = network(points, time, condition, context)
    again = network(
        *(values.repeat(2, *[1] * (values.dim() - 1)) for values in (points, time, condition)),
        context.repeat(2),
    )
    torch.testing.assert_close(again[: len(whole)], whole)
    torch.testing.assert_close(again[len(whole) :], whole)


def test_masked_slots_change_nothing(trunk):
    network, points, time, condition, context = made(trunk)
    whole = network(points, time, condition, context)
    other = points + 7.0 * (~context.slots.mask).unsqueeze(-1)
    changed = network(other, time, condition, context)
    torch.testing.assert_close(changed, whole)


def test_checkpointing_gives_the_same_gradient(trunk):
    network, points, time, condition, context = made(trunk)

    def gradient():
        network.zero_grad()
        network(points, time, condition, context).square().sum().backward()
        return [parameter.grad.clone() for parameter in network.parameters()]

    plain = gradient()
    for module in network.modules():
        if hasattr(module, "recompute"):
            module.recompute = True
    for one, other in zip(plain, gradient(), strict=True):
        torch.testing.assert_close(one, other)


def test_untrained_it_follows_the_standard_normal(trunk):
    """Read-outs of zero leave the velocity towards a standard normal, which any slot is."""
    network = network_of(trunk)
    _, points, time, condition, context = made(trunk)
    context = ShapeContext.of(context.scaffold, context.jet_type, SLOTS, torch.float32)
    points, time = points.float(), time.float()
    velocity = network(points, time, condition.float(), context)
    t = time[:, None, None]
    expected = (2 * t - 1) / (t**2 + (1 - t) ** 2) * points * context.free
    np.testing.assert_allclose(velocity.detach(), expected, atol=1e-6)
