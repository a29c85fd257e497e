"""The momenta that L-GATr sees."""

import torch

from hypervae.model.trunks.lorentz import lightlike


def test_momenta_are_lightlike_and_along_their_places():
    place, ln_pt = torch.rand(7, 2).double() - 0.5, -3 * torch.rand(7).double()
    energy, x, y, z = lightlike(place, ln_pt).unbind(-1)
    torch.testing.assert_close(energy**2, x**2 + y**2 + z**2)
    torch.testing.assert_close(x * place[:, 1], y * place[:, 0])
    assert (x * place[:, 0] > 0).all()
    # E + p along the axis is the share of the pT, which a boost along the axis scales for all.
    torch.testing.assert_close((energy + z) / (energy + z)[0], (ln_pt - ln_pt[0]).exp())


def test_products_of_momenta_grow_with_the_distance():
    place = torch.tensor([[0.0, 0.0], [0.01, 0.0], [0.1, 0.0]]).double()
    energy, *momentum = lightlike(place, torch.zeros(3).double()).unbind(-1)
    products = energy[0] * energy - sum(part[0] * part for part in momentum)
    torch.testing.assert_close(products[2] / products[1], torch.tensor(100.0).double())
