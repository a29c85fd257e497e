import itertools

import numpy as np
import pytest
import torch

from hypervae.config import resolve_section
from hypervae.errors import ConfigError
from hypervae.model import ModelConfig
from hypervae.model.particles import ParticleEncoder
from hypervae.model.references import (
    chosen_references,
    encoder_references,
    jet_tetrad,
    minkowski,
    momenta_of,
    normal_to,
    particle_scalars,
    product_with_sum,
    relative_coordinates,
    scalar_names,
    symmetry_left,
)
from tests.unit.chain import MODEL
from tests.unit.model.lorentz import GENERAL, boost, rotation

CHOICES = [(), ("time",), ("beam",), ("time", "beam"), ("time", "beam", "axis")]
ids = [" ".join(names) or "none" for names in CHOICES]


def massless(coordinates):
    """Momenta of (pt, eta, phi)."""
    pt, eta, phi = torch.as_tensor(coordinates, dtype=torch.float64).unbind(-1)
    return torch.stack([pt * eta.cosh(), pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()], dim=-1)


@pytest.fixture
def jets():
    """Momenta and mask of jets of 6, 3, 2 and 1 particles at eta 0.4 and phi 0."""
    generator = torch.Generator().manual_seed(1)
    coordinates = torch.randn(4, 6, 3, generator=generator, dtype=torch.float64) * 0.1
    coordinates[..., 0] = (10 * coordinates[..., 0]).exp()
    coordinates[..., 1] += 0.4
    mask = torch.arange(6) < torch.tensor([[6], [3], [2], [1]])
    return massless(coordinates) * mask.unsqueeze(-1), mask


def scalars_of(names, momenta, mask, matrix=None):
    """Scalars of transformed momenta with references that stay, or transform along."""
    references = encoder_references(names, momenta)
    if matrix is not None:
        references = references @ matrix.T
    return particle_scalars(names, momenta, mask, references)


@pytest.mark.parametrize("names", CHOICES, ids=ids)
def test_scalars_do_not_change_when_references_transform_along(names, jets):
    momenta, mask = jets
    before = scalars_of(names, momenta, mask)
    assert before.shape == (4, 6, len(scalar_names(names)))
    after = scalars_of(names, momenta @ GENERAL.T, mask, GENERAL)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-10)
    assert (before[0].std(dim=0) > 1e-2).all()


ACROSS = boost(1.0, (0.6, -0.8, 0.0))
ALONG = boost(1.0, (0.0, 0.0, 1.0))
TURN, TILT = rotation(2.0), rotation(0.7, 1)


@pytest.mark.parametrize(
    ("names", "keep", "breaking"),
    [
        ((), [GENERAL], []),
        (("time",), [TURN, TILT @ TURN], [ALONG, ACROSS]),
        (("beam",), [TURN, ACROSS, ACROSS @ TURN], [ALONG, TILT]),
        (("time", "beam"), [TURN], [ALONG, ACROSS, TILT]),
        (("time", "beam", "axis"), [], [TURN, ALONG, ACROSS, TILT]),
    ],
    ids=ids,
)
@pytest.mark.parametrize("kind", ["slim", "full"])
def test_references_leave_the_symmetry_that_they_should(names, keep, breaking, kind, jets):
    torch.manual_seed(4)
    config = ModelConfig.of({**MODEL, "lgatr": kind, "references": list(names)})
    encoder = ParticleEncoder(config).double().eval()
    momenta, mask = jets

    def encoded(matrix):
        with torch.no_grad():
            return encoder(momenta @ matrix.T, mask)[mask]

    before = encoded(torch.eye(4, dtype=torch.float64))
    for matrix in keep:
        torch.testing.assert_close(encoded(matrix), before, rtol=0, atol=1e-9)
    for matrix in breaking:
        assert (encoded(matrix) - before).abs().max() > 1e-3


@pytest.mark.parametrize("names", CHOICES, ids=ids)
def test_scalars_are_finite_whatever_the_jet(names, jets):
    momenta, mask = jets
    momenta = torch.where(mask.unsqueeze(-1), momenta, 1e3).float().requires_grad_()
    found = scalars_of(names, momenta, mask)
    assert torch.isfinite(found).all()
    assert (found[~mask] == 0).all()
    found.square().sum().backward()
    assert torch.isfinite(momenta.grad[mask]).all()


@pytest.mark.parametrize("names", CHOICES, ids=ids)
@pytest.mark.parametrize("kind", ["slim", "full"])
def test_padding_and_order_of_the_config_do_not_matter(names, kind, jets):
    momenta, mask = jets
    found = []
    for order, filling in itertools.product((names, names[::-1]), (0.0, 2.0)):
        torch.manual_seed(4)
        config = ModelConfig.of({**MODEL, "lgatr": kind, "references": list(order)})
        filled = torch.where(mask.unsqueeze(-1), momenta, filling)
        with torch.no_grad():
            found.append(ParticleEncoder(config).double()(filled, mask)[mask])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", ["slim", "full"])
@pytest.mark.parametrize(
    ("names", "tells"),
    [((), False), (("time",), False), (("beam",), False), (("time", "beam"), True)],
    ids=ids[:4],
)
def test_time_and_beam_together_tell_mirror_images_apart(names, tells, kind, jets):
    torch.manual_seed(4)
    config = ModelConfig.of({**MODEL, "lgatr": kind, "references": list(names)})
    encoder = ParticleEncoder(config).double().eval()
    momenta, mask = jets
    mirrored = momenta * torch.tensor([1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
    with torch.no_grad():
        difference = (encoder(momenta, mask) - encoder(mirrored, mask))[mask].abs().max()
    if tells:
        assert difference > 1e-3
    else:
        assert difference < 1e-9


@pytest.mark.parametrize("names", CHOICES, ids=ids)
def test_single_precision_survives_boosts(names):
    """A narrow jet at large eta, boosted by gamma 5 along itself: differences of large numbers."""
    generator = torch.Generator().manual_seed(2)
    coordinates = torch.randn(1, 30, 3, generator=generator, dtype=torch.float64) * 0.05
    coordinates[..., 0] = (40 * coordinates[..., 0]).exp()
    coordinates[..., 1] += 2.0
    momenta, mask = massless(coordinates), torch.ones(1, 30, dtype=torch.bool)
    push = boost(np.arccosh(5.0), (1.0, 0.0, np.sinh(2.0)))
    references = (encoder_references(names, momenta) @ push.T).float()
    found = particle_scalars(names, (momenta @ push.T).float(), mask, references)
    expected = scalars_of(names, momenta, mask)
    spread = expected.std(dim=1)
    assert ((found - expected).square().mean(dim=1).sqrt() / spread).max() < 2e-3


def test_product_with_the_sum():
    momenta = massless([[[2.0, 0.3, 0.1], [1.0, 0.2, -0.4], [5.0, 9.0, 9.0]]])
    mask = torch.tensor([[True, True, False]])
    expected = minkowski(momenta, (momenta * mask.unsqueeze(-1)).sum(1)) * mask
    torch.testing.assert_close(product_with_sum(momenta, mask), expected)


def test_relative_coordinates_by_hand():
    momenta = massless([[[3.0, 0.5, 1.2], [1.0, 0.1, 0.9], [1.0, 0.0, 0.0]]])
    mask = torch.tensor([[True, True, False]])
    px, py, pz = momenta[0, :2, 1:].sum(0).numpy()
    phi, eta = np.arctan2(py, px), np.arcsinh(pz / np.hypot(px, py))
    expected = [
        [0.5 - eta, 1.2 - phi, np.log(3.0), np.log(0.75)],
        [0.1 - eta, 0.9 - phi, np.log(1.0), np.log(0.25)],
        [0.0] * 4,
    ]
    found = relative_coordinates(momenta, mask)
    torch.testing.assert_close(found[0], torch.tensor(expected, dtype=torch.float64))
    fixed = relative_coordinates(momenta, mask, encoder_references(CHOICES[-1], momenta))
    torch.testing.assert_close(fixed[0, :2, 1], torch.tensor([1.2, 0.9], dtype=torch.float64))
    torch.testing.assert_close(fixed[..., [0, 2, 3]], found[..., [0, 2, 3]])


def test_the_normal_is_orthogonal_and_transforms_along():
    time, x, y, z = jet_tetrad(torch.zeros(0, dtype=torch.float64))
    torch.testing.assert_close(normal_to(time, z, x), y)
    torch.testing.assert_close(normal_to(time, x, z), -y)
    a, b, c = torch.randn(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    normal = normal_to(a, b, c)
    for vector in (a, b, c):
        torch.testing.assert_close(minkowski(normal, vector), torch.zeros(5).double())
    turned = normal_to(a @ GENERAL.T, b @ GENERAL.T, c @ GENERAL.T)
    torch.testing.assert_close(turned, normal @ GENERAL.T)


def test_minkowski_is_invariant():
    a, b = torch.randn(2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(minkowski(a @ GENERAL.T, b @ GENERAL.T), minkowski(a, b))
    assert minkowski(torch.tensor([2.0, 1.0, 0.0, 1.0]), torch.tensor([1.0, 3.0, 5.0, -1.0])) == 0


def test_momenta_of_coordinates():
    coordinates = torch.tensor([[[0.3, -0.2, np.log(0.5)]]], dtype=torch.float64)
    tetrad = jet_tetrad(coordinates)
    found = momenta_of(coordinates, tetrad)
    torch.testing.assert_close(found, massless([[[0.5, 0.3, -0.2]]]))
    moved = momenta_of(coordinates, tetrad @ GENERAL.T)
    torch.testing.assert_close(moved, found @ GENERAL.T)
    torch.testing.assert_close(minkowski(moved, moved), torch.zeros(1, 1).double())


def test_the_symmetry_left_is_named():
    assert [symmetry_left(names) for names in CHOICES] == [
        "the whole group",
        "rotations",
        "SO(1,2), rotations about the beam and boosts across it",
        "rotations about the beam",
        "nothing",
    ]
    assert chosen_references(["beam", "time"]) == ("time", "beam")


@pytest.mark.parametrize("names", [["axis"], ["time", "axis"], ["beam", "axis"]])
def test_an_axis_needs_time_and_beam(names):
    with pytest.raises(ConfigError, match=r"model\.references: .*axis"):
        chosen_references(names)
    with pytest.raises(ConfigError, match=r"model\.references: .*time and beam beside axis"):
        resolve_section("train", {"model": {"references": names}})


def test_an_unknown_reference_is_refused():
    with pytest.raises(ConfigError, match="found 'sun', expected names among time, beam, axis"):
        encoder_references(["sun"], torch.zeros(0))
