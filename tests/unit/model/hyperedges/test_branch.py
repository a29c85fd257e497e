import pytest
import torch

from hypervae.model import ModelConfig
from hypervae.model.hyperedges.branch import BranchConfig
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.noise import JetNoise

FEATURES, WIDTH, CHANNELS, SLOTS, TOKENS = 5, 8, 6, 7, 23
KEYS = torch.tensor([5, -9, 2**60, 3])


def made(mode="mlp", cross_attention=True, **options):
    torch.manual_seed(1)
    options = {"heads": 2, "blocks": 2, "chunk": 6, **options}
    config = BranchConfig(FEATURES, WIDTH, CHANNELS, cross_attention=cross_attention, **options)
    model = ModelConfig.of({"hyperedge_window": 4})
    return HYPEREDGE_MODES[mode].branch(config, model).double().eval()


@pytest.fixture
def arguments():
    """Tokens and particles of four jets: the second has no token, the third one particle."""
    torch.manual_seed(2)
    features = torch.randn(4, TOKENS, FEATURES, dtype=torch.float64)
    count = torch.randint(1, 4, (4, TOKENS)).double()
    for jet, used in enumerate([TOKENS, 0, 15, 4]):
        count[jet, used:] = 0.0
    particles = torch.randn(4, SLOTS, CHANNELS, dtype=torch.float64)
    mask = torch.arange(SLOTS) < torch.tensor([[SLOTS], [2], [1], [4]])
    return features, count, particles, mask


def close(one, other, tolerance=1e-10):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("cross_attention", [True, False])
@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_what_comes_out(arguments, mode, cross_attention):
    _, count, particles, mask = arguments
    summary, update = made(mode, cross_attention)(*arguments)
    assert summary.shape == (4, 2 * WIDTH)
    assert update.shape == particles.shape
    assert (summary[1] == 0).all()
    assert (summary[[0, 2, 3]].abs().amax(dim=1) > 0).all()
    expected = mask & (count > 0).any(dim=1, keepdim=True) & cross_attention
    assert torch.equal((update != 0).any(dim=-1), expected)


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_padding_does_not_matter(arguments, mode):
    features, count, particles, mask = arguments
    branch = made(mode)
    expected = branch(*arguments)
    changed, particles = features.clone(), particles.clone()
    changed[count == 0] = 3.0
    particles[~mask] = -2.0
    close(branch(changed, count, particles, mask), expected)
    longer = torch.nn.functional.pad(changed, (0, 0, 0, 9), value=5.0)
    more = torch.nn.functional.pad(particles, (0, 0, 0, 3), value=4.0)
    counts, slots = torch.nn.functional.pad(count, (0, 9)), torch.nn.functional.pad(mask, (0, 3))
    summary, update = branch(longer, counts, more, slots)
    close((summary, update[:, :SLOTS]), expected)


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_companions_do_not_matter(arguments, mode):
    branch = made(mode)
    together = branch(*arguments)
    for jet in range(4):
        alone = branch(*(value[jet : jet + 1] for value in arguments))
        close(alone, [value[jet : jet + 1] for value in together])


@pytest.mark.parametrize("mode", [mode for mode in HYPEREDGE_MODES if mode != "sparse"])
def test_order_does_not_matter(arguments, mode):
    features, count, particles, mask = arguments
    branch = made(mode)
    summary, update = branch(*arguments)
    order, slots = torch.randperm(TOKENS), torch.randperm(SLOTS)
    found = branch(features[:, order], count[:, order], particles[:, slots], mask[:, slots])
    close(found, (summary, update[:, slots]))


@pytest.mark.parametrize("mode", ["mlp", "chunked", "attention", "clustered"])
def test_a_count_is_so_many_equal_tokens(arguments, mode):
    features, count, particles, mask = (value[:1] for value in arguments)
    listed = features.repeat_interleave(count[0].long(), dim=1)
    ones = torch.ones(listed.shape[:2], dtype=torch.float64)
    branch = made(mode)
    close(branch(listed, ones, particles, mask), branch(features, count, particles, mask))


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_finite_without_tokens_and_with_one_particle(arguments, mode):
    features, count, particles, mask = arguments
    branch = made(mode).train()
    for tokens, used in ((TOKENS, 0), (0, 0), (1, 1)):
        branch.zero_grad()
        counts = count[:, :tokens] * used
        read = particles.clone().requires_grad_()
        summary, update = branch(features[:, :tokens], counts, read, mask[[2, 2, 2, 2]])
        (summary.square().sum() + (read + update).square().sum()).backward()
        assert torch.isfinite(summary).all()
        assert torch.isfinite(update).all()
        if not used:
            assert not summary.any()
            assert not update.any()
        for name, parameter in branch.named_parameters():
            assert parameter.grad is not None, name  # as distributed training wants it
            assert torch.isfinite(parameter.grad).all(), name
        assert torch.isfinite(read.grad).all()


def test_one_token_gets_the_gradient_of_the_maximum(arguments):
    features, count, particles, mask = arguments
    features = features[:1, :1].repeat(1, 5, 1).requires_grad_()  # five equal tokens
    branch = made(cross_attention=False)
    summary, _ = branch(features, count[:1, :5], particles[:1], mask[:1])
    summary[0, WIDTH].backward()
    assert int((features.grad.abs().amax(dim=-1) > 0).sum()) == 1


def test_modes_that_read_tokens_alike_share_their_parameters(arguments):
    expected = made("mlp")(*arguments)
    names = set(made("mlp").state_dict())
    for mode in ("sampled", "binned", "chunked"):
        branch = made(mode)
        branch.load_state_dict(made("mlp").state_dict())
        close(branch(*arguments), expected)
    for mode in ("attention", "clustered", "sparse"):
        assert names < set(made(mode).state_dict())


def test_sparse_tokens_see_those_near_them(arguments):
    features, count, particles, mask = (value[:1] for value in arguments)
    branch = made("sparse")
    keys, values = branch.network.particles.project(particles)

    def tokens(features):
        return branch.network(features, count, keys, values, mask)[0]

    changed = features.clone()
    changed[:, 14] += 1.0  # in the window of 12 to 15, which 8 to 19 look into
    moved = (tokens(features) - tokens(changed)).abs().amax(dim=-1) > 1e-9
    assert moved.nonzero().flatten().tolist() == list(range(8, 20))


@pytest.mark.parametrize("mode", ["mlp", "attention", "sparse"])
def test_recomputing_changes_nothing_but_what_is_kept(arguments, mode):
    features, count, particles, mask = arguments
    branch = made(mode, dropout=0.3).train()
    # dropout draws piece by piece, so that only one piece draws the same
    size = branch.chunk if mode == "mlp" else TOKENS

    def run(recompute):
        branch.recompute = recompute
        branch.zero_grad()
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
            torch.manual_seed(5)
            summary, update = branch(
                features[:, :size], count[:, :size], particles, mask, JetNoise(KEYS)
            )
        (summary.square().sum() + update.square().sum()).backward()
        return [summary, update, *(p.grad.clone() for p in branch.parameters())], len(kept)

    plain, kept = run(False)
    again, fewer = run(True)
    close(again, plain)
    assert fewer < kept / 2


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_dropout_belongs_to_the_jet(arguments, mode):
    branch = made(mode, dropout=0.3).train()

    def run(rows):
        torch.manual_seed(5)
        return branch(*(value[rows] for value in arguments), JetNoise(KEYS[rows]))

    whole = run([0, 1, 2, 3])
    close(run([3, 0]), [part[[3, 0]] for part in whole])
    assert (whole[0] - branch.eval()(*arguments)[0])[0].abs().max() > 1e-3
