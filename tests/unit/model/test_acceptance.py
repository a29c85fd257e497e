"""Which draws of a prior are kept: the first that passes, as often as its density ratio says."""

import pytest
import torch

from hypervae.model.acceptance import CANDIDATES, MOST, Acceptance, first_kept


def noise_of(jets, seed=0):
    generator = torch.Generator().manual_seed(seed)
    specs = {"latent": (1,), **{n: s.shape for n, s in Acceptance.noise(1).items()}}
    drawn = {name: torch.randn(jets, *shape, generator=generator) for name, shape in specs.items()}
    drawn["acceptance"] = torch.rand(jets, *specs["acceptance"], generator=generator)
    return drawn


def draw(noise, jet_type):
    """1 or 0, by the sign of the noise; 10 more for the second type."""
    return (noise > 0).to(noise) + 10 * jet_type.unsqueeze(1)


def test_kept_draws_are_as_frequent_as_the_density_ratio_says():
    jets, ratio = 40_000, torch.tensor([0.4, 1.6])

    def probability(latent, jet_type):
        return ratio[latent[:, 0].long() % 10] / MOST

    types = torch.arange(jets) % 2
    kept = first_kept(draw, probability, noise_of(jets), types)
    assert torch.equal(kept[:, 0] >= 10, types == 1)
    share = float((kept[:, 0] % 10).mean())
    # those that are left after all draws are as the prior has them: (1 - 1 / MOST)^CANDIDATES
    left = (1 - 1 / MOST) ** CANDIDATES
    assert left < 0.01
    assert share == pytest.approx(0.8 * (1 - left) + 0.5 * left, abs=4 * (0.16 / jets) ** 0.5)


def test_a_jet_is_the_first_of_its_draws_that_is_kept_whatever_stands_beside_it():
    noise, types = noise_of(300), torch.zeros(300, dtype=torch.int64)
    candidates = torch.cat([noise["latent"].unsqueeze(1), noise["further latents"]], dim=1)
    calls = []

    def identity(some, jet_type):
        calls.append(len(some))
        return some

    def probability(latent, jet_type):
        return torch.where(latent[:, 0] > 0, 0.5, 0.1)

    kept = first_kept(identity, probability, noise, types)
    for jet in range(300):
        passed = noise["acceptance"][jet] < probability(candidates[jet], None)
        first = int(passed.int().argmax()) if passed.any() else CANDIDATES - 1
        assert float(kept[jet]) == float(candidates[jet, first])
    assert sum(calls) < 0.75 * 300 * CANDIDATES
    some = slice(120, 160)
    part = first_kept(identity, probability, {n: x[some] for n, x in noise.items()}, types[some])
    assert torch.equal(part, kept[some])
    assert first_kept(
        identity, probability, {n: x[:0] for n, x in noise.items()}, types[:0]
    ).shape == (0, 1)


def test_an_unfitted_acceptance_takes_all_draws_for_equal():
    acceptance = Acceptance(3, 2, 4).eval()
    values, types = torch.randn(50, 3), torch.arange(50) % 2
    torch.testing.assert_close(acceptance(values, types), torch.full((50,), 1 / MOST))
    acceptance.trust[1] = 1.0
    found = acceptance(values, types)
    torch.testing.assert_close(found[::2], torch.full((25,), 1 / MOST))
    assert float(found[1::2].std()) > 0
    assert float(found.max()) <= 1
