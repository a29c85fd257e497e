import pytest
import torch

from hypervae.config import ModelConfig, resolve_section
from hypervae.correlators.sets import set_members
from hypervae.model import HyperVAE
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.hyperedges.sets import ListedTargets
from hypervae.model.losses.terms import LossTerms, total_loss
from hypervae.model.noise import JetNoise
from tests.unit.chain import MODEL, SLOTS, small_jets

SCALARS = MODEL["scalar_channels"]
HARDEST = 10  # particles that sets are formed of, in the chain
MODES = ["mlp", "chunked", "sampled", "clustered", "sparse", "attention"]


@pytest.fixture
def make(normalization):
    def make(mode, **changes):
        torch.manual_seed(5)
        config = ModelConfig.of({**MODEL, "hyperedge_decoder": mode, **changes})
        head = HYPEREDGE_MODES[mode].head(config, normalization, SCALARS).double()

        def predict(scalars, present, index=None):
            targets = None if index is None else ListedTargets(index, index, index)
            noise = JetNoise(torch.tensor([5, -9, 2**60]))
            return head(None, scalars, present, targets, noise).features

        predict.head = head
        return predict

    return make


@pytest.fixture
def scalars():
    torch.manual_seed(6)
    return torch.randn(3, SLOTS, SCALARS, dtype=torch.float64)


PRESENT = torch.ones(3, SLOTS, dtype=torch.bool)


def members_of(order_index):
    return torch.from_numpy(set_members(HARDEST, 3 + order_index).astype("int64"))


@pytest.mark.parametrize("mode", MODES)
def test_one_prediction_a_set(make, scalars, normalization, mode):
    found = make(mode)(scalars, PRESENT)
    clusters = 9 * 8 // 2 + 8 * 7 // 2  # pairs that one, or two, softer particles can follow
    sets = clusters if mode == "clustered" else 120 + 210
    assert found.shape == (3, sets, len(normalization.hyperedge.names))
    assert found.std(dim=1).min() > 1e-4


@pytest.mark.parametrize("mode", ["mlp", "chunked"])
def test_a_set_is_decoded_from_its_members_alone(make, scalars, mode):
    decoder = make(mode, hyperedge_chunk=50)
    changed = scalars.clone()
    changed[:, 4] += 1.0
    moved = (decoder(changed, PRESENT) - decoder(scalars, PRESENT)).abs().amax(dim=(0, 2)) > 1e-9
    holds = torch.cat([(members_of(order) == 4).any(dim=1) for order in (0, 1)])
    assert torch.equal(moved, holds)
    beyond = scalars.clone()
    beyond[:, HARDEST:] += 1.0  # no set is formed of these
    assert torch.equal(decoder(beyond, PRESENT), decoder(scalars, PRESENT))


def test_the_order_tells_sets_of_equal_sums_apart(make, scalars):
    scalars[:] = 0.0
    found = make("mlp")(scalars, PRESENT)
    bias_free = make("mlp")
    torch.nn.init.zeros_(bias_free.head.ends.bias)
    found = bias_free(scalars, PRESENT)
    assert (found[:, 0] - found[:, -1]).abs().max() > 1e-4


def gradients(decoder, scalars, index=None):
    inputs = scalars.clone().requires_grad_()
    out = decoder(inputs, PRESENT, index)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    decoder.head.zero_grad()
    (out.sin() * weights).sum().backward()
    return [out.detach(), inputs.grad, *(p.grad.clone() for p in decoder.head.parameters())]


@pytest.mark.parametrize("chunk", [1, 7, 100, 1000])
def test_chunked_is_mlp(make, scalars, chunk):
    expected = gradients(make("mlp"), scalars)
    for one, other in zip(
        gradients(make("chunked", hyperedge_chunk=chunk), scalars), expected, strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("mode", ["mlp", "clustered", "sparse", "sampled"])
def test_recomputing_changes_nothing(make, scalars, mode):
    decoder = make(mode, dropout=0.3)
    decoder.head.train()
    index = torch.randint(330, (3, 20)) if mode == "sampled" else None
    found = []
    for on in (False, True):
        decoder.head.recompute = on
        torch.manual_seed(9)
        found.append(gradients(decoder, scalars, index))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_sampled_predicts_the_sets_that_it_is_asked_for(make, scalars):
    everything = make("mlp")(scalars, PRESENT)
    index = torch.tensor([[0, 329, 5], [120, 119, 7], [44, 44, 200]])
    found = make("sampled")(scalars, PRESENT, index)
    expected = everything[torch.arange(3).unsqueeze(1), index]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", ["sparse", "attention"])
def test_sets_of_absent_slots_are_not_attended_to(make, scalars, mode):
    decoder = make(mode)
    present = PRESENT.clone()
    present[:, 6:] = False
    changed = scalars.clone()
    changed[:, 6:] += 2.0
    holds = torch.cat([(members_of(order) >= 6).any(dim=1) for order in (0, 1)])
    one, other = decoder(scalars, present), decoder(changed, present)
    torch.testing.assert_close(one[:, ~holds], other[:, ~holds], rtol=0, atol=1e-12)
    # and those of present ones are
    changed = scalars.clone()
    changed[:, 0] += 2.0
    without = torch.cat([(members_of(order) != 0).all(dim=1) for order in (0, 1)]) & ~holds
    moved = (decoder(changed, present) - one).abs().amax(dim=(0, 2))
    assert moved[without].max() > 1e-6


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_every_mode_learns(normalization, mode):
    torch.manual_seed(2)
    config = {**MODEL, "hyperedge_decoder": mode, "hyperedge_encoder": "binned"}
    model = HyperVAE(normalization, ["g"], {**config, "hyperedge_samples": 64})
    batch = model.batch(small_jets(32, seed=6))
    losses = LossTerms(normalization, model.config, resolve_section("train", {}))
    weights = {**losses.weights, "hyperedge": 1.0}
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    found = []
    for step in range(40):
        torch.manual_seed(step)
        terms = losses(*model_step(model, batch))
        optimizer.zero_grad()
        total_loss(terms, weights, 1.0).backward()
        assert any(
            p.grad is not None and p.grad.any() for p in model.decoder.hyperedges.parameters()
        )
        optimizer.step()
        found.append(float(terms["hyperedge"].detach()))
    assert found[-1] < 0.8 * found[0], found


def model_step(model, batch):
    noise = JetNoise(batch.key)
    reconstructed, mean, log_variance = model(batch, noise, 0.7)
    return reconstructed, batch, mean, log_variance, noise


@pytest.mark.parametrize("mode", MODES)
def test_jets_without_sets_give_finite_losses(normalization, mode):
    torch.manual_seed(2)
    config = {**MODEL, "hyperedge_decoder": mode, "hyperedge_encoder": "binned"}
    model = HyperVAE(normalization, ["g"], config).double()
    jets = small_jets(20)
    batch = model.batch(jets[torch.zeros(2, dtype=torch.int64).numpy()])  # one particle
    losses = LossTerms(normalization, model.config, resolve_section("train", {}))
    terms = losses(*model_step(model, batch))
    assert all(torch.isfinite(value) for value in terms.values()), terms
    sum(terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name
