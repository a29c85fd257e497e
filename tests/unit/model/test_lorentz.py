"""L-GATr with a mask and with dropout that belongs to the jets."""

import lgatr.layers.dropout
import lgatr.layers.slim_layers
import pytest
import torch
from torch import nn

from hypervae.model import ModelConfig
from hypervae.model.dropout import GradeDropout, VectorDropout
from hypervae.model.lorentz import LorentzNetwork
from hypervae.model.noise import JetNoise
from tests.unit.chain import MODEL
from tests.unit.model.lorentz import GENERAL

CHANNELS = {"vectors_in": 3, "scalars_in": 2, "vectors_out": 2, "scalars_out": 5}
KEYS = torch.tensor([11, -7, 2**61])


def made(kind, **settings):
    torch.manual_seed(1)
    config = ModelConfig.of({**MODEL, "blocks": 2, "lgatr": kind, **settings})
    return LorentzNetwork(config, **CHANNELS).double()


@pytest.fixture(params=["slim", "full"])
def network(request):
    return made(request.param).eval()


@pytest.fixture
def tokens():
    torch.manual_seed(2)
    mask = torch.tensor([[True] * 6, [True] * 3 + [False] * 3, [True] + [False] * 5])
    vectors = torch.randn(3, 6, 3, 4, dtype=torch.float64)
    return vectors, torch.randn(3, 6, 2, dtype=torch.float64), mask


def test_absent_tokens_have_no_influence(network, tokens):
    vectors, scalars, mask = tokens
    before = network(vectors, scalars, mask)
    absent = ~mask
    vectors, scalars = vectors.clone(), scalars.clone()
    vectors[absent], scalars[absent] = 7.0, -3.0
    after = network(vectors, scalars, mask)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one[mask], other[mask], rtol=0, atol=1e-12)
        assert not torch.allclose(one[absent], other[absent])


def test_present_tokens_do(network, tokens):
    vectors, scalars, mask = tokens
    before = network(vectors, scalars, mask)[1]
    vectors = vectors.clone()
    vectors[1, 2] += 1.0
    assert not torch.allclose(before[1, 0], network(vectors, scalars, mask)[1][1, 0], atol=1e-6)


def test_vectors_transform_along_and_scalars_stay(network, tokens):
    vectors, scalars, mask = tokens
    out, scalars_out = network(vectors, scalars, mask)
    turned, scalars_turned = network(vectors @ GENERAL.T, scalars, mask)
    torch.testing.assert_close(turned, out @ GENERAL.T, rtol=0, atol=1e-9)
    torch.testing.assert_close(scalars_turned, scalars_out, rtol=0, atol=1e-9)
    assert out.std() > 1e-3


class Drawing(nn.Module):
    """Stands in for lgatr's dropout, with ours behind it."""

    def __init__(self, dropout, noise):
        super().__init__()
        self.dropout, self.noise = dropout, noise

    def forward(self, vectors, scalars):
        return self.dropout(vectors, scalars, self.noise)


def lgatr_with_dropout(network, kind, probability):
    """The package's own network with the same weights, its dropout drawing from the jets' noise."""
    net, noise = network.net, JetNoise(KEYS)
    common = {
        "num_blocks": 2,
        "in_s_channels": CHANNELS["scalars_in"],
        "out_s_channels": CHANNELS["scalars_out"],
        "hidden_s_channels": MODEL["scalar_channels"],
        "dropout_prob": probability,
    }
    names = {"in": CHANNELS["vectors_in"], "out": CHANNELS["vectors_out"]}
    names["hidden"] = MODEL["vector_channels"]
    if kind == "slim":
        sizes = {f"{name}_v_channels": size for name, size in names.items()}
        theirs = lgatr.LGATrSlim(num_heads=MODEL["heads"], **sizes, **common)
        replaced, ours = lgatr.layers.slim_layers.SlimDropout, VectorDropout
    else:
        sizes = {f"{name}_mv_channels": size for name, size in names.items()}
        attention = {"num_heads": MODEL["heads"]}
        primitives = net.primitives
        theirs = lgatr.LGATr(attention=attention, mlp={}, primitives=primitives, **sizes, **common)
        replaced, ours = lgatr.layers.dropout.GradeDropout, GradeDropout
    for parent in list(theirs.modules()):
        for name, child in parent.named_children():
            if isinstance(child, replaced):
                setattr(parent, name, Drawing(ours(probability), noise))
    # dropout takes places in the package's list of layers, in the order of which all weights stand
    weights = zip(theirs.state_dict(), net.state_dict().values(), strict=True)
    theirs.load_state_dict(dict(weights))
    return theirs.double()


@pytest.mark.parametrize("probability", [0.0, 0.4])
@pytest.mark.parametrize("kind", ["slim", "full"])
def test_layers_and_dropout_come_in_the_order_of_the_package(tokens, kind, probability):
    vectors, scalars, mask = tokens
    network = made(kind, dropout=probability).train()
    torch.manual_seed(5)
    found = network(vectors, scalars, mask, JetNoise(KEYS))
    theirs = lgatr_with_dropout(network, kind, probability).train()
    attend = mask[:, None, None, :]
    torch.manual_seed(5)
    if kind == "slim":
        expected = theirs(vectors, scalars, attn_mask=attend)
    else:
        embedded = lgatr.embed_vector(vectors)
        made_of, features = theirs(embedded, scalars=scalars, attn_mask=attend)
        expected = lgatr.extract_vector(made_of), features
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["slim", "full"])
def test_dropout_belongs_to_the_jet_and_is_drawn_again_in_the_backward_pass(tokens, kind):
    vectors, scalars, mask = tokens
    network = made(kind, dropout=0.4).train()
    keep = network(vectors, scalars, mask, JetNoise(KEYS))
    assert not torch.equal(network(vectors, scalars, mask, JetNoise(KEYS))[1], keep[1])

    def run(rows):
        torch.manual_seed(5)
        out = network(vectors[rows], scalars[rows], mask[rows], JetNoise(KEYS[rows]))
        weights = list(network.net.parameters())
        return *out, torch.autograd.grad(sum(part.sin().sum() for part in out), weights[:1])[0]

    whole = run([0, 1, 2])
    for one, other in zip(run([2, 0])[:2], whole[:2], strict=True):
        torch.testing.assert_close(one, other[[2, 0]], rtol=0, atol=1e-12)
    network.recompute = True
    for one, other in zip(run([0, 1, 2]), whole, strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match="no noise"):
        network(vectors, scalars, mask)
