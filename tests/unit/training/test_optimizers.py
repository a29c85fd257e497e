"""Optimizers: the registry, Muon, and several as one."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from hypervae.model import HyperVAE
from hypervae.model.layers import ReadOut
from hypervae.training.interrupt import Interrupted
from hypervae.training.optimizers.combined import CombinedOptimizer
from hypervae.training.optimizers.muon import Muon, hidden_matrices, orthogonalized
from hypervae.training.optimizers.registry import OPTIMIZERS, make_optimizer, trained_parameters
from tests.unit.chain import MODEL


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.kind = nn.Embedding(12, 16)
        self.slots = nn.Parameter(torch.randn(10, 16))
        self.layers = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 24))
        self.narrow = nn.Linear(24, 8)
        self.head = ReadOut(24, 30)
        self.frozen = nn.Linear(24, 24).requires_grad_(False)

    def forward(self, kind):
        hidden = self.layers(self.kind(kind) + self.slots[0])
        return self.head(hidden).square().mean() + self.narrow(hidden).square().mean()


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


def take_steps(net, optimizer, steps, first=0):
    for step in range(first, first + steps):
        for group in optimizer.param_groups:
            group["lr"] *= 0.9
        optimizer.zero_grad()
        net(torch.arange(12).roll(step)).backward()
        optimizer.step()


def test_the_registry_needs_no_torch():
    code = (
        "import sys; from hypervae.training.optimizers.registry import OPTIMIZERS; "
        "print(*OPTIMIZERS); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_goes_downhill(net, train_config, name):
    config = train_config(optimizer=name, learning_rate=3e-3)
    optimizer = make_optimizer(net, config, scales_loss=False)
    before = net(torch.arange(12)).item()
    frozen = net.frozen.weight.clone()
    take_steps(net, optimizer, 8)
    assert net(torch.arange(12)).item() < before
    assert torch.equal(net.frozen.weight, frozen)
    taken = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(taken) == sorted(map(id, trained_parameters(net)))


def test_muon_takes_the_matrices_within(net):
    assert [id(p) for p in hidden_matrices(net)] == [
        id(net.layers[0].weight),
        id(net.layers[2].weight),
    ]


def test_muon_takes_most_of_a_model(normalization):
    model = HyperVAE(normalization, ["g", "q"], {**MODEL, "hidden": 32, "scalar_channels": 16})
    chosen = {id(p) for p in hidden_matrices(model)}
    names = {name for name, p in model.named_parameters() if id(p) in chosen}
    assert any("blocks" in name and "linear_s" in name for name in names)
    for left_out in ("multiplicity.weight", "fusion.2.weight", "slot_embedding", "bias"):
        assert any(left_out in name for name, _ in model.named_parameters())
        assert not any(left_out in name for name in names)


@pytest.mark.parametrize("shape", [(3, 24, 16), (2, 16, 40), (1, 9, 9)])
def test_singular_values_come_close_to_one(shape):
    torch.manual_seed(1)
    matrices = torch.randn(shape, dtype=torch.float64) * 1e3
    found = orthogonalized(matrices)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    left2, values, _ = torch.linalg.svd(found, full_matrices=False)
    assert 0.6 < values.min() < values.max() < 1.25
    # the same singular vectors: only the diagonal is changed
    inner = left.mT @ found @ right.mT
    off = inner - torch.diag_embed(torch.diagonal(inner, dim1=-2, dim2=-1))
    assert off.abs().max() < 1e-9
    assert left2.shape == left.shape
    assert torch.equal(orthogonalized(torch.zeros(shape)), torch.zeros(shape))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9 has no Muon")
def test_muon_is_torchs_but_for_the_precision(net):
    torch.manual_seed(2)
    one = nn.ParameterList(nn.Parameter(torch.randn(24, 16)) for _ in range(3))
    other = copy.deepcopy(one)
    ours = Muon(one.parameters(), lr=0.02, weight_decay=0.1)
    theirs = torch.optim.Muon(
        other.parameters(), lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    start = [p.detach().clone() for p in one]
    for step in range(4):
        torch.manual_seed(step)
        for p, q in zip(one, other, strict=True):
            p.grad = torch.randn(24, 16)
            q.grad = p.grad.clone()
        ours.step()
        theirs.step()
    for p, q, begin in zip(one, other, start, strict=True):
        assert (p - q).norm() < 0.03 * (p - begin).norm()


def test_muon_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match="shape"):
        Muon([nn.Parameter(torch.zeros(3))])


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_a_restored_optimizer_goes_on_to_the_bit(net, train_config, name):
    config = train_config(optimizer=name, weight_decay=0.1)
    whole, optimizer = net, make_optimizer(net, config, scales_loss=False)
    parts = copy.deepcopy(net)
    take_steps(whole, optimizer, 6)
    first = make_optimizer(parts, config, scales_loss=False)
    take_steps(parts, first, 3)
    saved = copy.deepcopy(first.state_dict())
    second = make_optimizer(parts, config, scales_loss=False)
    second.load_state_dict(saved)
    take_steps(parts, second, 3, first=3)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_parts_of_a_combined_optimizer_share_groups_and_state(net, train_config):
    config = train_config(optimizer="muon", learning_rate=0.01, adamw_ratio=0.1)
    optimizer = make_optimizer(net, config, scales_loss=False)
    assert isinstance(optimizer, CombinedOptimizer)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.001])
    take_steps(net, optimizer, 1)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        group["weight_decay"] = 0.0
    before = [p.clone() for p in net.parameters()]
    take_steps(net, optimizer, 1)
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))
    assert set(map(id, optimizer.state)) <= set(map(id, net.parameters()))


def test_a_run_with_muon_that_was_stopped_equals_an_uninterrupted_one(
    run, stop_at, tmp_path, monkeypatch
):
    settings = {"optimizer": "muon", "schedule": "linear", "model": {**MODEL, "hidden": 24}}
    whole = run("whole", "a", **settings).state_dict()
    stop_at(3)
    with pytest.raises(Interrupted):
        run("parts", "b", **settings)
    monkeypatch.undo()
    parts = run("parts", "b", **settings).state_dict()
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_a_step_that_the_scaler_skips_is_skipped_by_all_parts(net, train_config):
    optimizer = make_optimizer(net, train_config(optimizer="muon"), scales_loss=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    before = [p.clone() for p in net.parameters()]
    for scale in (float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale(net(torch.arange(12)) * scale).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        same = [torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True)]
        assert all(same) == (scale != 1.0)
    assert scaler.get_scale() == 4.0
