import numpy as np
import pytest
import torch
from scipy import stats

from hypervae.model.attention import SelfAttention
from hypervae.model.dropout import Dropout, GradeDropout, VectorDropout
from hypervae.model.hyperedges.branch import BranchConfig
from hypervae.model.hyperedges.chunked import ChunkedBranch
from hypervae.model.layers import ResidualMLP
from hypervae.model.noise import JetNoise, gumbel

KEYS = torch.randint(-(2**62), 2**62, (40,), generator=torch.Generator().manual_seed(1))
LIKE = torch.zeros(0, dtype=torch.float64)


def draw(keys, *shape, rows=None, kind="normal", seed=3, like=LIKE):
    torch.manual_seed(seed)
    return getattr(JetNoise(keys), kind)(rows or len(keys), *shape, like=like)


def test_a_jet_has_its_numbers_whatever_its_companions_and_padding():
    whole = draw(KEYS, 6, 3)
    torch.testing.assert_close(draw(KEYS[[7, 2]], 6, 3), whole[[7, 2]], rtol=0, atol=0)
    torch.testing.assert_close(draw(KEYS, 9, 3)[:, :6], whole, rtol=0, atol=0)


def test_copies_of_a_jet_have_numbers_of_their_own():
    twice = draw(KEYS, 4, rows=80)
    torch.testing.assert_close(twice[:40], draw(KEYS, 4), rtol=0, atol=0)
    assert (twice[:40] - twice[40:]).abs().min() > 0


def test_draws_and_seeds_differ():
    torch.manual_seed(3)
    noise = JetNoise(KEYS)
    first, second = (noise.uniform(40, 5, like=LIKE) for _ in range(2))
    assert (first != second).all()
    assert (draw(KEYS, 5, kind="uniform", seed=4) != first).all()


def test_without_jets_the_generator_is_read():
    torch.manual_seed(3)
    one = JetNoise().normal(4, 2, like=torch.zeros(1))
    torch.manual_seed(3)
    assert torch.equal(JetNoise().normal(4, 2, like=torch.zeros(1)), one)
    assert one.dtype == torch.float32


@pytest.mark.parametrize("keys", [torch.arange(3000), torch.arange(3000) << 40])
def test_the_numbers_are_uniform_normal_and_uncorrelated(keys):
    uniform = draw(keys, 40, kind="uniform").numpy()
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    normal = draw(keys, 40).numpy()
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-3
    for values in (normal, normal[:300].T):  # between places, and between jets of nearby keys
        correlation = np.corrcoef(values.T)
        apart = correlation[np.triu_indices(len(correlation), 1)] * np.sqrt(len(values))
        assert abs(apart.std() - 1) < 0.1
        assert abs(apart.mean()) < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_uniform_numbers_lie_within(dtype):
    values = draw(torch.arange(2000), 50, kind="uniform", like=torch.zeros(0, dtype=dtype))
    assert values.dtype == dtype
    assert values.min() > 0
    assert values.max() < 1
    assert torch.isfinite(gumbel(values)).all()


def test_dropout_keeps_the_mean_and_belongs_to_the_jet():
    layer = Dropout(0.3).train()
    values = torch.ones(40, 200)

    def run(rows):
        torch.manual_seed(3)
        return layer(values[rows], JetNoise(KEYS[rows]))

    whole = run(slice(None))
    assert set(whole.unique().tolist()) == {0.0, values.new_tensor(1 / 0.7).item()}
    assert float(whole.mean()) == pytest.approx(1.0, abs=0.03)
    assert torch.equal(run([5, 1]), whole[[5, 1]])
    assert torch.equal(layer.eval()(values), values)


@pytest.mark.parametrize("layer", [ResidualMLP(3, 8, dropout=0.4), SelfAttention(3, 1, 0.4)])
def test_nothing_is_dropped_without_noise_of_the_jets(layer):
    arguments = (torch.randn(3, 5, 3),) + (torch.zeros(3, 5),) * isinstance(layer, SelfAttention)
    with pytest.raises(ValueError, match="no noise"):
        layer.train()(*arguments)
    assert torch.isfinite(layer.eval()(*arguments)).all()


def test_vectors_and_grades_are_dropped_whole():
    torch.manual_seed(3)
    ones = torch.ones(20, 5, 2)
    noise = JetNoise(KEYS[:20])
    vectors, scalars = VectorDropout(0.5).train()(torch.ones(20, 5, 4, 3), ones, noise)
    assert (vectors == vectors[:, :, :1]).all()
    assert 0.3 < (vectors == 0).float().mean() < 0.7
    assert 0.3 < (scalars == 0).float().mean() < 0.7
    parts, scalars = GradeDropout(0.5).train()(torch.ones(20, 5, 3, 16), ones, noise)
    assert 0.3 < (scalars == 0).float().mean() < 0.7
    for first, last in ((0, 1), (1, 5), (5, 11), (11, 15), (15, 16)):
        grade = parts[..., first:last]
        assert (grade == grade[..., :1]).all()
        assert 0.3 < (grade == 0).float().mean() < 0.7


def test_chunks_draw_again_what_they_drew():
    # (gradients of recomputed chunks are those of finite differences only with equal dropout)
    torch.manual_seed(2)
    branch = ChunkedBranch(BranchConfig(3, 8, 6, heads=2, dropout=0.4, chunk=5)).double().train()
    features = torch.randn(3, 13, 3, dtype=torch.float64, requires_grad=True)
    particles = torch.randn(3, 4, 6, dtype=torch.float64, requires_grad=True)
    count, mask = torch.ones(3, 13, dtype=torch.float64), torch.ones(3, 4, dtype=torch.bool)

    def run(features, particles):
        torch.manual_seed(7)
        summary, update = branch(features, count, particles, mask, JetNoise(KEYS[:3]))
        return summary.sin().sum() + update.sin().sum()

    assert torch.autograd.gradcheck(run, (features, particles))
