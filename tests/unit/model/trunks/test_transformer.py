"""The transformer's blocks."""

import torch

from hypervae.model.trunks.transformer import AdaptiveBlock


def test_a_block_adds_nothing_at_first():
    block = AdaptiveBlock(8, 2)
    values, condition = torch.randn(2, 4, 8), torch.randn(2, 8)
    torch.testing.assert_close(block(values, condition, torch.zeros(2, 1, 1, 4)), values)
