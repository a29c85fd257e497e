import pytest
import torch

from benchmarks.tensor_memory import TensorMemory
from hypervae.model.hyperedges.branch import BranchConfig, TokenBranch
from hypervae.model.hyperedges.chunked import ChunkedBranch
from hypervae.model.layers import pool
from hypervae.model.noise import JetNoise

FEATURES, WIDTH, CHANNELS, SLOTS, TOKENS = 5, 8, 6, 7, 23
NOISE = JetNoise(torch.tensor([5, -9, 2**60, 3]))


def made(chunk, *, cross_attention=True, dropout=0.0, mode="chunked", width=WIDTH):
    torch.manual_seed(1)
    config = BranchConfig(
        FEATURES,
        width,
        CHANNELS,
        heads=2,
        blocks=2,
        dropout=dropout,
        cross_attention=cross_attention,
        chunk=chunk,
    )
    return {"mlp": TokenBranch, "chunked": ChunkedBranch}[mode](config).double()


@pytest.fixture
def arguments():
    torch.manual_seed(2)
    features = torch.randn(4, TOKENS, FEATURES, dtype=torch.float64)
    count = torch.randint(1, 4, (4, TOKENS)).double()
    count[0, 7:12] = 0.0  # a whole chunk of 5
    count[1] = 0.0
    count[2, 1:] = 0.0
    particles = torch.randn(4, SLOTS, CHANNELS, dtype=torch.float64)
    mask = torch.arange(SLOTS) < torch.tensor([[SLOTS], [2], [1], [4]])
    return features.requires_grad_(), count, particles.requires_grad_(), mask


def results(forward, parameters, features, particles):
    """Outputs, and gradients of all inputs and parameters of a generic function of them."""
    summary, update = forward()
    generator = torch.Generator().manual_seed(3)
    weights = [torch.randn(v.shape, generator=generator).double() for v in (summary, update)]
    loss = (summary * weights[0]).sum() + ((particles + update) * weights[1]).square().sum()
    gradients = torch.autograd.grad(loss, [features, particles, *parameters])
    return [summary, update, *gradients]


def of_branch(branch, arguments):
    features, _, particles, _ = arguments
    return results(
        lambda: branch(*arguments, NOISE), list(branch.parameters()), features, particles
    )


def close(one, other, tolerance=1e-6):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("cross_attention", [True, False])
@pytest.mark.parametrize("chunk", [1, 5, TOKENS - 1, TOKENS, 1000])
def test_values_and_gradients_are_those_of_the_mlp(arguments, chunk, cross_attention):
    expected = of_branch(made(chunk, cross_attention=cross_attention, mode="mlp"), arguments)
    assert all(value.abs().max() > 0 for value in expected[2:])
    close(of_branch(made(chunk, cross_attention=cross_attention), arguments), expected, 1e-12)


def test_frozen_parameters_get_no_gradient(arguments):
    branch, plain = made(5), made(5, mode="mlp")
    for each in (branch, plain):
        each.network.mlp.requires_grad_(False)
        summary, update = each(*arguments)
        (summary.sum() + update.square().sum()).backward()
    for one, other in zip(branch.parameters(), plain.parameters(), strict=True):
        if other.grad is None:
            assert one.grad is None
        else:
            torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("chunk", [5, 1000])
def test_dropout_is_drawn_again_in_the_backward_pass(arguments, chunk):
    branch = made(chunk, dropout=0.4).train()
    features, count, particles, mask = arguments

    def chunk_by_chunk():
        """The same tokens from the same random numbers, kept for the backward pass."""
        keys, values = branch.network.particles.project(particles)
        parts = zip(features.split(chunk, dim=1), count.split(chunk, dim=1), strict=True)
        tokens = [branch.network(*part, keys, values, mask, NOISE) for part in parts]
        tokens = torch.cat(tokens, dim=1)
        update = branch.reader(particles, tokens, count)
        present = (count > 0).any(dim=1, keepdim=True) & mask
        return pool(tokens, count), update * present.unsqueeze(-1)

    torch.manual_seed(7)
    expected = results(chunk_by_chunk, list(branch.parameters()), features, particles)
    after = torch.rand(3)
    torch.manual_seed(7)
    found = of_branch(branch, arguments)
    close(found, expected, 1e-12)
    assert torch.equal(torch.rand(3), after)  # the backward pass leaves the generator alone
    torch.manual_seed(8)
    assert (of_branch(branch, arguments)[0] - found[0]).abs().max() > 1e-3


def test_gradients_are_finite_differences(arguments):
    branch = made(5, dropout=0.4).train()
    features, count, particles, mask = arguments

    def function(features, particles):
        torch.manual_seed(7)
        return branch(features, count, particles, mask, NOISE)

    assert torch.autograd.gradcheck(function, (features, particles), fast_mode=True)


def peak(mode, tokens, jets=2):
    branch = made(64, mode=mode, width=32).float()
    features, count = torch.randn(jets, tokens, FEATURES), torch.ones(jets, tokens)
    particles, mask = torch.randn(jets, SLOTS, CHANNELS), torch.ones(jets, SLOTS, dtype=torch.bool)
    with TensorMemory() as memory:
        summary, update = branch(features, count, particles, mask)
        (summary.sum() + update.square().sum()).backward()
    return memory.peak


def test_memory_beyond_the_inputs_does_not_grow_with_the_tokens():
    small, large = peak("chunked", 256), peak("chunked", 4096)
    assert small == large
    assert peak("mlp", 4096) > 10 * large  # the tracker sees what grows


def test_nothing_is_kept_but_inputs_and_results(arguments):
    features, count, particles, mask = arguments
    branch = made(5).train()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        branch(features, count, particles, mask)
    large = {t.data_ptr() for t in kept if t.dim() > 1 and t.shape[1] == TOKENS}
    assert large <= {features.data_ptr(), count.data_ptr()}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_runs_again_in_the_backward_pass(arguments, dtype):
    arguments = [v.detach().float() if v.is_floating_point() else v for v in arguments]
    found = []
    for mode in ("mlp", "chunked"):
        branch = made(5, mode=mode).float()
        with torch.autocast("cpu", dtype):
            summary, update = branch(*arguments)
        (summary.float().sum() + update.float().square().sum()).backward()
        found.append([summary.detach().float(), *(p.grad for p in branch.parameters())])
    for one, other in zip(*found, strict=True):
        assert torch.isfinite(one).all()
        torch.testing.assert_close(one, other, rtol=0.1, atol=0.1 * float(other.abs().max()))
