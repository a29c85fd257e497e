"""Substructure of the kept particles: N-subjettiness by FastJet contrib, and C2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets
from hypervae.observables.efp import EDGE, TRIANGLE

SUBJETS = (1, 2, 3)
# The measure of the angles, as JetNet's jets have it.
RADIUS = 0.4


def n_subjettiness(jets: Jets) -> dict[str, NDArray[np.float64]]:
    """N-subjettiness (Thaler, Van Tilburg, arXiv:1011.2268) of the kept particles.

    tau_N = sum_i pt_i min_k dR_ik / (R sum_i pt_i), beta = 1, R = 0.4, about N axes: those of
    exclusive kT subjets with winner-takes-all recombination.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    dict of str to [n] float64
        ``tau1`` to ``tau3``, 0 for jets of at most N particles; ``tau21`` and ``tau32``, their
        ratios, 0 where the denominator is.
    """
    import awkward as ak
    import fastjet

    # The banner; its authors ask for citations in it, which stand in docs/data.md.
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    particles = jets.particle_features[jets.mask].astype(np.float64)
    # Boosts along the beam and the pT of the jet leave tau_N alone: eta relative to the jet, pT in
    # units of it.
    eta, phi, pt = particles[:, 0], particles[:, 1], particles[:, 2]
    components = {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "E": pt * np.cosh(eta),
    }
    momenta = ak.zip(
        {name: ak.unflatten(values, jets.multiplicity) for name, values in components.items()},
        with_name="Momentum4D",
    )
    # N-subjettiness takes all particles of an event, whatever jets they are clustered to.
    clusters = fastjet.ClusterSequence(
        momenta, fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    )
    tau = np.asarray(
        clusters.njettiness(
            measure_definition="NormalizedMeasure",
            axes_definition="WTA_KT_Axes",
            njets=list(SUBJETS),
            beta=1.0,
            R0=RADIUS,
        )
    )
    values = {f"tau{n}": tau[:, column] for column, n in enumerate(SUBJETS)}
    values["tau21"] = _ratio(tau[:, 1], tau[:, 0])
    values["tau32"] = _ratio(tau[:, 2], tau[:, 1])
    return values


def three_point_ratio(efps: NDArray[np.float64]) -> NDArray[np.float64]:
    """C2 = e3 / e2^2 with beta = 1 (Larkoski, Salam, Thaler, arXiv:1305.0007).

    e2 and e3 sum z_i z_j R_ij and z_i z_j z_k R_ij R_jk R_ki over pairs and triples of particles,
    z = pt over that of all kept particles.

    Parameters
    ----------
    efps : [n, 36]
        As `hypervae.observables.efp.efps`.

    Returns
    -------
    [n] float64
        0 where e2 is 0.
    """
    total = efps[:, 0]
    e2, e3 = efps[:, EDGE] / (2 * total**2), efps[:, TRIANGLE] / (6 * total**3)
    return _ratio(e3, e2**2)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
