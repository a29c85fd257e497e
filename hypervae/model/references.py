"""Reference vectors: the directions that jets at a collider prefer, given to the network as inputs.

An exactly equivariant network from an isotropic prior cannot make collimated jets. It is given the
tetrad (time, jet axis, normal, beam) instead; transform momenta and tetrad together and the output
transforms along. With the components written as (E, px, py, pz), the jet sits at phi = 0 and the
beam along z. A frame with fixed jet axis leaves no Lorentz symmetry, time and beam alone leave the
rotations about the beam.
"""

from __future__ import annotations

import torch
from torch import Tensor

METRIC = (1.0, -1.0, -1.0, -1.0)


def minkowski(a: Tensor, b: Tensor) -> Tensor:
    """Product of four-vectors [..., 4] with metric (+, -, -, -)."""
    return (a * b * a.new_tensor(METRIC)).sum(-1)


def jet_tetrad(like: Tensor) -> Tensor:
    """The decoder's references in the frame of the jet.

    Parameters
    ----------
    like : Tensor
        Gives type and device.

    Returns
    -------
    [4, 4]
        Rows: time, jet axis (x), normal (y), beam (z).
    """
    return torch.eye(4, dtype=like.dtype, device=like.device)


def beam_references(like: Tensor) -> Tensor:
    """[2, 4] time and beam, the encoder's references: they leave the rotations about the beam."""
    return jet_tetrad(like)[[0, 3]]


def relative_coordinates(momenta: Tensor, mask: Tensor) -> Tensor:
    """Coordinates of the particles in the tetrad of the jet's own summed momentum P.

    The tetrad is time, beam, the direction of P across the beam, and their normal
    epsilon(time, beam, P). These are contractions of momenta with it, so they do not change under
    rotations about the beam, and, unlike anything that a network without the epsilon tensor can
    make, they tell a jet from its mirror image.

    Parameters
    ----------
    momenta : [B, P, 4]
        (E, px, py, pz) over one scale.
    mask : [B, P]

    Returns
    -------
    [B, P, 4]
        (eta - eta_P, phi - phi_P, ln pT, ln(pT / sum pT)); 0 where the mask is.
    """
    total = (momenta * mask.unsqueeze(-1)).sum(dim=1, keepdim=True)
    pt = torch.where(mask, momenta[..., 1:3].norm(dim=-1), 1.0)
    axis = total[..., 1:3] / total[..., 1:3].norm(dim=-1, keepdim=True).clamp_min(1e-12)
    along = (momenta[..., 1:3] * axis).sum(-1)
    across = momenta[..., 2] * axis[..., 0] - momenta[..., 1] * axis[..., 1]
    eta = torch.asinh(momenta[..., 3] / pt)
    eta_total = torch.asinh(total[..., 3] / total[..., 1:3].norm(dim=-1).clamp_min(1e-12))
    sum_pt = (pt * mask).sum(dim=1, keepdim=True)
    coordinates = torch.stack(
        [eta - eta_total, torch.atan2(across, along), pt.log(), (pt / sum_pt).log()], dim=-1
    )
    return coordinates * mask.unsqueeze(-1)
