"""Reference vectors: the directions that jets at a collider prefer, given to the network as inputs.

An exactly equivariant network from an isotropic prior cannot make collimated jets. Components are
(E, px, py, pz); the jet sits at phi = 0, the beam along z. Transform momenta and references
together, and no scalar that the networks make changes. With the references held fixed, as in data,
this much of the proper orthochronous Lorentz group is left:

| references | symmetry left |
|---|---|
| none | the whole group |
| time | rotations |
| beam, as a spacelike vector | SO(1,2): rotations about the beam and boosts across it |
| time, beam | rotations about the beam |
| time, beam, axis (a fixed jet axis) | nothing |

The sum P of the jet's own momenta transforms along and breaks nothing.

The network without multivectors (``lgatr: slim``) makes its vectors from its inputs by linear
combination, and its scalars from products of two: it has no epsilon tensor, so that from momenta,
time and beam it cannot tell a jet from its mirror image. With time and beam there is a tetrad of
the jet's own, (time, P's direction across the beam, their normal epsilon(time, beam, P), beam), and
coordinates in it tell them apart. With fewer references there is none, and mirror images look equal
to the slim network.

Everything is written by contraction with the vectors that are given, not by picking components, and
so that large components cancel as little as can be: after a boost, pT^2 = E^2 - pz^2 - m^2 would
lose most digits of float32.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from hypervae.errors import ConfigError

METRIC = (1.0, -1.0, -1.0, -1.0)
#: The references by name, in the order in which they are handed over, as rows of `jet_tetrad`.
REFERENCES = {"time": 0, "beam": 3, "axis": 1}

LORENTZ_GROUP = "the whole group"
ROTATIONS = "rotations"
BEAM_GROUP = "SO(1,2), rotations about the beam and boosts across it"
BEAM_ROTATIONS = "rotations about the beam"
TRIVIAL_GROUP = "nothing"
_LEFT = {
    (): LORENTZ_GROUP,
    ("time",): ROTATIONS,
    ("beam",): BEAM_GROUP,
    ("time", "beam"): BEAM_ROTATIONS,
    ("time", "beam", "axis"): TRIVIAL_GROUP,
}
_SCALARS = {
    (): ("ln p.P", "ln p.P/P.P"),
    ("time",): ("ln E", "ln E/sum E", "ln p.P/(E sum E)"),
    ("beam",): ("arsinh pz", "ln p.P", "ln p.P/P.P"),
    ("time", "beam"): ("eta - eta_P", "phi - phi_P", "ln pT", "ln pT/sum pT"),
    ("time", "beam", "axis"): ("eta - eta_P", "phi", "ln pT", "ln pT/sum pT"),
}
# Floors of what may vanish: products of momenta (in units of the squared momentum scale) vanish for
# a jet of one massless particle, and below them float32 holds rounding after a boost.
_PRODUCT_FLOOR = 1e-3
_ANGLE_FLOOR = 1e-4
# For divisions and logarithms where no particle is; momenta are of order one.
_TINY = 1e-12


def minkowski(a: Tensor, b: Tensor) -> Tensor:
    """Product of four-vectors [..., 4] with metric (+, -, -, -).

    Parameters
    ----------
    a, b : [..., 4]

    Returns
    -------
    [...]
    """
    return (a * b * a.new_tensor(METRIC)).sum(-1)


def normal_to(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The vector epsilon(a, b, c), orthogonal to three others, of vectors [..., 4].

    n^mu = g^mu mu epsilon_(mu nu rho sigma) a^nu b^rho c^sigma, with the sign that takes (time,
    beam z, x) to y. It transforms along under proper transformations.

    Parameters
    ----------
    a, b, c : [..., 4]

    Returns
    -------
    [..., 4]
    """
    a, b, c = torch.broadcast_tensors(a, b, c)

    def minor(i: int, j: int, k: int) -> Tensor:
        return (
            a[..., i] * (b[..., j] * c[..., k] - b[..., k] * c[..., j])
            - a[..., j] * (b[..., i] * c[..., k] - b[..., k] * c[..., i])
            + a[..., k] * (b[..., i] * c[..., j] - b[..., j] * c[..., i])
        )

    return torch.stack([minor(1, 2, 3), minor(0, 2, 3), -minor(0, 1, 3), minor(0, 1, 2)], dim=-1)


def chosen_references(names: Iterable[str]) -> tuple[str, ...]:
    """The references by name, each once and in their own order.

    Parameters
    ----------
    names : iterable of str
        In any order.

    Returns
    -------
    tuple of str

    Raises
    ------
    ConfigError
        On an unknown name, or on ``axis`` without ``time`` and ``beam``.
    """
    given = list(names)
    for name in given:
        if name not in REFERENCES:
            raise ConfigError(
                f"model.references: found {name!r}, expected names among {', '.join(REFERENCES)}"
            )
    chosen = tuple(name for name in REFERENCES if name in given)
    if chosen not in _LEFT:
        raise ConfigError(
            f"model.references: found {', '.join(given)}, expected time and beam beside axis"
        )
    return chosen


def symmetry_left(names: Iterable[str]) -> str:
    """What references leave of the Lorentz group; see the table above.

    Parameters
    ----------
    names : iterable of str
        Of the references.

    Returns
    -------
    str
    """
    return _LEFT[chosen_references(names)]


def scalar_names(names: Iterable[str]) -> tuple[str, ...]:
    """What `particle_scalars` gives for a choice of references.

    Parameters
    ----------
    names : iterable of str
        Of the references.

    Returns
    -------
    tuple of str
    """
    return _SCALARS[chosen_references(names)]


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


def encoder_references(names: Iterable[str], like: Tensor) -> Tensor:
    """[R, 4] the encoder's references of these names, in the order time, beam, axis.

    Parameters
    ----------
    names : iterable of str
        Of the references.
    like : tensor
        Gives device and type.

    Returns
    -------
    [R, 4]
    """
    return jet_tetrad(like)[[REFERENCES[name] for name in chosen_references(names)]]


def particle_scalars(
    names: Iterable[str], momenta: Tensor, mask: Tensor, references: Tensor
) -> Tensor:
    """Invariants of each massless particle, its jet's summed momentum P and the references.

    Parameters
    ----------
    names : iterable of str
        The references.
    momenta : [B, P, 4]
        Over one scale.
    mask : [B, P]
    references : [R, 4]
        As `encoder_references`, transformed along with the momenta.

    Returns
    -------
    [B, P, S]
        As `scalar_names` says; finite for every jet, 0 where the mask is.
    """
    chosen = chosen_references(names)
    if "beam" in chosen and "time" in chosen:
        return relative_coordinates(momenta, mask, references)
    product = product_with_sum(momenta, mask)
    if chosen == ("time",):
        energy = torch.where(mask, minkowski(momenta, references[0]), 1.0).clamp_min(_TINY)
        whole = (energy * mask).sum(dim=1, keepdim=True).clamp_min(_TINY)
        angle = product / (energy * whole)
        parts = [energy.log(), (energy / whole).log(), (angle + _ANGLE_FLOOR).log()]
    else:
        own = product.sum(dim=1, keepdim=True)
        log_product = (product + _PRODUCT_FLOOR).log()
        parts = [log_product, log_product - (own + _PRODUCT_FLOOR).log()]
        if chosen == ("beam",):
            parts.insert(0, torch.asinh(-minkowski(momenta, references[0])))
    return torch.stack(parts, dim=-1) * mask.unsqueeze(-1)


def product_with_sum(momenta: Tensor, mask: Tensor) -> Tensor:
    """Products p_i.P of massless momenta with their sum P = sum_j p_j.

    p_i.p_j = |p_i| |p_j| |u_i - u_j|^2 / 2 with directions u. From E_i E_j less the product of the
    momenta float32 would lose small angles: with boosts up to gamma 5 the outputs of the particle
    branch without references moved by 4e-2 of their spread, and move by 5e-6.

    Parameters
    ----------
    momenta : [B, P, 4]
    mask : [B, P]

    Returns
    -------
    [B, P]
        0 where the mask is, and for a jet of one particle.
    """
    size = momenta[..., 1:].norm(dim=-1)
    directions = momenta[..., 1:] / size.clamp_min(_TINY).unsqueeze(-1)
    size = size * mask
    # (the other ways of `cdist` subtract products, too)
    distance = torch.cdist(directions, directions, compute_mode="donot_use_mm_for_euclid_dist")
    return 0.5 * size * (distance.square() * size.unsqueeze(1)).sum(-1)


def relative_coordinates(momenta: Tensor, mask: Tensor, references: Tensor | None = None) -> Tensor:
    """Coordinates of the particles in the tetrad of the jet's own summed momentum P.

    The tetrad is time, beam, the direction of P across both, and their normal epsilon(time, beam,
    P). Contractions with it do not change under rotations about the beam, nor when references and
    momenta are transformed together, and, unlike anything that a network without the epsilon tensor
    can make, they tell a jet from its mirror image.

    Parameters
    ----------
    momenta : [B, P, 4]
        Over one scale.
    mask : [B, P]
    references : [2 or 3, 4], optional
        Time and beam, and maybe a fixed jet axis across both, which then takes the place of P's
        direction; time and beam of `encoder_references` when left out.

    Returns
    -------
    [B, P, 4]
        (eta - eta_P, phi - phi_P, ln pT, ln(pT / sum pT)); 0 where the mask is.
    """
    if references is None:
        references = encoder_references(("time", "beam"), momenta)
    time, beam = references[0], references[1]
    total = (momenta * mask.unsqueeze(-1)).sum(dim=1, keepdim=True)
    # twice: what rounding leaves of the large components along time and beam goes the second time
    across = _across(_across(total, time, beam), time, beam)
    total_pt = (-minkowski(across, across)).clamp_min(_TINY**2).sqrt()
    axis = across / total_pt.unsqueeze(-1) if len(references) == 2 else references[2]
    x = -minkowski(momenta, axis)
    y = -minkowski(momenta, normal_to(time, beam, axis))
    pt = torch.where(mask, torch.hypot(x, y), 1.0).clamp_min(_TINY)
    eta = torch.asinh(-minkowski(momenta, beam) / pt)
    eta_total = torch.asinh(-minkowski(total, beam) / total_pt)
    sum_pt = (pt * mask).sum(dim=1, keepdim=True).clamp_min(_TINY)
    coordinates = [eta - eta_total, torch.atan2(y, x), pt.log(), (pt / sum_pt).log()]
    return torch.stack(coordinates, dim=-1) * mask.unsqueeze(-1)


def _across(vector: Tensor, time: Tensor, beam: Tensor) -> Tensor:
    """The part of vectors [..., 4] that is orthogonal to time and beam."""
    return (
        vector
        - minkowski(vector, time).unsqueeze(-1) * time
        + minkowski(vector, beam).unsqueeze(-1) * beam
    )


def components(vectors: Tensor, references: Tensor) -> Tensor:
    """Components of vectors along orthogonal references: contractions, over the squares of these.

    Parameters
    ----------
    vectors : [..., 4]
    references : [R, 4]

    Returns
    -------
    [..., R]
    """
    return minkowski(vectors.unsqueeze(-2), references) / minkowski(references, references)


def momenta_of(coordinates: Tensor, tetrad: Tensor) -> Tensor:
    """Massless momenta in units of the jet's pT, that transform along with the tetrad.

    p = pT (cosh eta time + cos phi axis + sin phi normal + sinh eta beam).

    Parameters
    ----------
    coordinates : [..., 3]
        (etarel, phirel, ln ptrel) in the frame of the tetrad.
    tetrad : [4, 4]
        Time, jet axis, normal, beam; see `jet_tetrad`.

    Returns
    -------
    [..., 4]
    """
    eta, phi, ln_pt = coordinates.unbind(-1)
    parts = torch.stack([eta.cosh(), phi.cos(), phi.sin(), eta.sinh()], dim=-1)
    components = parts * ln_pt.exp().unsqueeze(-1)
    return (components.unsqueeze(-1) * tetrad).sum(-2)
