"""The moving average is torch's own, taken without a walk through the modules at each step."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hypervae.training.average import MovingAverage


def test_it_is_the_average_of_torch_bit_for_bit():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ours, theirs = (
        MovingAverage(model, 0.9),
        AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9)),
    )
    for step in range(5):
        with torch.no_grad():
            for values in (*model.parameters(), *model.buffers()):
                values.add_(step + 1)
        ours.update_parameters(model)
        theirs.update_parameters(model)
        if step == 2:  # as after a resume
            ours.load_state_dict(copy.deepcopy(ours.state_dict()))

    found, expected = ours.state_dict(), theirs.state_dict()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
