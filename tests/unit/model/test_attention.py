import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hypervae.model.attention import (
    ReadParticles,
    ReadTokens,
    SelfAttention,
    WindowAttention,
    count_logits,
    head_width,
    mask_logits,
)

WIDTH, CHANNELS, HEADS = 12, 10, 3


def made(kind, *arguments, **options):
    torch.manual_seed(1)
    return kind(*arguments, **options).double().eval()


@pytest.fixture
def tokens():
    return torch.randn(2, 9, WIDTH, dtype=torch.float64, generator=torch.manual_seed(2))


@pytest.fixture
def particles():
    return torch.randn(2, 5, CHANNELS, dtype=torch.float64, generator=torch.manual_seed(3))


def close(one, other, tolerance=1e-12):
    torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def softmax_read(query, keys, values, logits):
    """The definition, head by head: [T, d], [S, d], [S, d], [S]."""
    scores = query @ keys.T / query.shape[-1] ** 0.5 + logits
    return torch.softmax(scores, dim=-1) @ values


def test_particles_are_read_by_the_definition(tokens, particles):
    layer = made(ReadParticles, WIDTH, CHANNELS, HEADS)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    keys, values = layer.project(particles)
    found = layer(tokens, keys, values, mask)
    query = layer.query(layer.norm(tokens)).unflatten(-1, (HEADS, -1))
    for jet in range(2):
        here = mask[jet]
        heads = [
            softmax_read(query[jet, :, head], keys[jet, head, here], values[jet, head, here], 0.0)
            for head in range(HEADS)
        ]
        close(found[jet], tokens[jet] + layer.out(torch.cat(heads, dim=-1)))


def test_tokens_are_read_by_the_definition(tokens, particles):
    layer = made(ReadTokens, WIDTH, CHANNELS, HEADS)
    count = torch.tensor([[1.0, 2, 0, 4, 5, 1, 0, 0, 3], [0, 1, 0, 0, 7, 0, 0, 0, 0]]).double()
    found = layer(particles, tokens, count)
    query = layer.query(layer.norm(particles)).unflatten(-1, (HEADS, WIDTH))
    for jet in range(2):
        keys = tokens[jet].repeat_interleave(count[jet].long(), dim=0)  # as many as they stand for
        heads = [softmax_read(query[jet, :, head], keys, keys, 0.0) for head in range(HEADS)]
        close(found[jet], layer.out(torch.cat(heads, dim=-1)))


def test_self_attention_counts_a_token_as_its_copies(tokens):
    layer = made(SelfAttention, WIDTH, HEADS)
    count = torch.tensor([1.0, 2, 3, 1, 0, 1, 4, 2, 1]).double()
    found = layer(tokens[:1], count_logits(count[None]))
    copies = tokens[:1].repeat_interleave(count.long(), dim=1)
    listed = layer(
        copies, mask_logits(torch.ones(copies.shape[:2], dtype=torch.bool), copies.dtype)
    )
    first = torch.cumsum(count, 0).long() - count.long()
    present = count > 0
    close(found[0, present], listed[0, first[present]])


@pytest.mark.parametrize("length", [1, 3, 4, 9, 14])
def test_a_window_attends_to_itself_and_its_neighbours(length):
    layer = made(WindowAttention, WIDTH, HEADS, 4)
    tokens = torch.randn(2, length, WIDTH, dtype=torch.float64, generator=torch.manual_seed(4))
    count = torch.randint(0, 3, (2, length), generator=torch.manual_seed(5)).double()
    found = layer(tokens, count_logits(count))
    parts = layer.query_key_value(layer.norm(tokens)).chunk(3, dim=-1)
    query, keys, values = (part.unflatten(-1, (HEADS, -1)) for part in parts)
    window = torch.arange(length) // 4
    for jet in range(2):
        for token in range(length):
            near = ((window - window[token]).abs() <= 1) & (count[jet] > 0)
            if not near.any():
                continue
            heads = [
                softmax_read(
                    query[jet, token, head][None],
                    keys[jet, near, head],
                    values[jet, near, head],
                    count[jet, near].log(),
                )
                for head in range(HEADS)
            ]
            close(found[jet, token], tokens[jet, token] + layer.out(torch.cat(heads, -1))[0])


def test_far_tokens_have_no_influence(tokens):
    layer = made(WindowAttention, WIDTH, HEADS, 2)
    logits = torch.zeros(2, 9, dtype=torch.float64)
    changed = tokens.clone()
    changed[:, 6, 0] += 1.0
    before, after = layer(tokens, logits), layer(changed, logits)
    close(before[:, :4], after[:, :4])  # windows 0 and 1; the token is in window 3
    assert ((before - after)[:, 4:].abs().amax(dim=-1) > 1e-6).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_rows_of_absent_tokens_are_finite(dtype):
    torch.manual_seed(0)
    layer = SelfAttention(WIDTH, HEADS).to(dtype)
    tokens = torch.randn(2, 600, WIDTH, dtype=dtype, requires_grad=True)
    count = torch.zeros(2, 600)
    count[1, 590] = 5.0  # the first blocks of keys of a fused kernel are all absent
    out = layer(tokens, count_logits(count))
    out.float().square().sum().backward()
    assert torch.isfinite(out).all()
    assert torch.isfinite(tokens.grad).all()


class Kernels(TorchDispatchMode):
    """Names of the attention kernels that run."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if "attention" in name or name in ("_softmax", "_safe_softmax"):
            self.seen.add(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["particles", "tokens", "self", "window"])
def test_no_matrix_of_weights_is_kept(tokens, particles, kind):
    tokens, particles = tokens.float().requires_grad_(), particles.float()
    mask, count = torch.ones(2, 5, dtype=torch.bool), torch.ones(2, 9)
    mask[0, 3:] = False
    count[1, 4:] = 0.0
    with Kernels() as kernels:
        if kind == "particles":
            layer = ReadParticles(WIDTH, CHANNELS, HEADS)
            out = layer(tokens, *layer.project(particles), mask)
        elif kind == "tokens":
            out = ReadTokens(WIDTH, CHANNELS, HEADS)(particles, tokens, count)
        elif kind == "self":
            out = SelfAttention(WIDTH, HEADS)(tokens, count_logits(count))
        else:
            out = WindowAttention(WIDTH, HEADS, 4)(tokens, count_logits(count))
        out.sum().backward()
    fused = "_scaled_dot_product_flash_attention_for_cpu"
    assert kernels.seen == {fused, f"{fused}_backward"}


def test_heads_that_do_not_divide_the_width_are_rounded_up():
    assert [head_width(64, 4), head_width(64, 5), head_width(2, 4)] == [16, 13, 1]
    layer = made(SelfAttention, 8, 3)
    assert layer(torch.zeros(1, 4, 8).double(), torch.zeros(1, 4).double()).shape == (1, 4, 8)


def test_logits():
    count = torch.tensor([[0.0, 1.0, 20.0]])
    logits = count_logits(count)
    assert logits[0, 1] == 0
    assert float(logits[0, 2]) == pytest.approx(2.9957, abs=1e-4)
    assert torch.softmax(logits, dim=-1)[0].tolist() == pytest.approx([0, 1 / 21, 20 / 21])
    mask = mask_logits(count > 0, torch.float32)
    assert torch.softmax(mask, dim=-1)[0].tolist() == [0, 0.5, 0.5]
