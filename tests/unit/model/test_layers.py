import pytest
import torch

from hypervae.model import HyperVAE
from hypervae.model.decoder.interface import LatentJets
from hypervae.model.layers import ResidualMLP, pool
from hypervae.model.noise import JetNoise
from tests.unit.chain import MODEL, small_jets


def test_pool_weighs_the_mean_and_not_the_maximum():
    values = torch.tensor([[[1.0, -4.0], [5.0, -2.0]]])
    expected = torch.tensor([[(3 * 1 + 5) / 4, (3 * -4 - 2) / 4, 5.0, -2.0]])
    torch.testing.assert_close(pool(values, torch.tensor([[3.0, 1.0]])), expected)


def test_a_weight_counts_as_so_many_equal_tokens():
    values = torch.randn(1, 2, 3, dtype=torch.float64)
    weighted = pool(values, torch.tensor([[4.0, 2.0]], dtype=torch.float64))
    listed = pool(values[:, [0, 0, 0, 0, 1, 1]], torch.ones(1, 6, dtype=torch.float64))
    torch.testing.assert_close(weighted, listed)


def test_pool_ignores_padding():
    values = torch.full((2, 4, 3), -5.0)
    values[:, 2:] = 1e6
    weights = torch.tensor([[1.0, 1.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.0]])
    assert (pool(values, weights) == -5.0).all()


def test_no_tokens_pool_to_zeros():
    assert torch.equal(pool(torch.randn(2, 3, 5), torch.zeros(2, 3)), torch.zeros(2, 10))
    assert torch.equal(pool(torch.zeros(2, 0, 5), torch.zeros(2, 0)), torch.zeros(2, 10))


def test_pooling_nothing_leaves_gradients_finite():
    values = torch.randn(2, 3, 5, requires_grad=True)
    pool(values, torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 0.0]])).sum().backward()
    assert torch.isfinite(values.grad).all()
    assert (values.grad[0] == 0).all()


def test_residual_mlp_keeps_leading_dimensions():
    assert ResidualMLP(3, 8, blocks=2)(torch.randn(2, 5, 3)).shape == (2, 5, 8)


@pytest.mark.parametrize("decoder", ["one_shot", "flow"])
def test_vectors_stay_in_single_precision_under_autocast(normalization, decoder):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g"], {**MODEL, "decoder": decoder})
    batch = model.batch(small_jets(8, seed=5))

    noise = {"particles": torch.randn(8, batch.mask.shape[1], 3)}

    def given(dtype):
        state = torch.randn(8, MODEL["hidden"]).bfloat16().to(dtype)
        latent = torch.zeros(8, MODEL["latent_dim"], dtype=dtype)
        jet_types = torch.zeros(8, dtype=torch.int64)
        return LatentJets(state, latent, jet_types, torch.eye(4), batch.mask.to(dtype))

    def run():
        torch.manual_seed(4)
        found = model.encoder.particles(batch.momenta, batch.mask)
        jets = given(torch.float32)
        made = model.decoder.particles.reconstruct(jets, batch, noise, JetNoise(batch.key))
        return found, made.log_coordinates

    expected = run()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
        found = run()
        half = model.decoder.particles.reconstruct(
            given(torch.bfloat16), batch, noise, JetNoise(batch.key)
        )
    assert half.log_coordinates.dtype == torch.float32
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
