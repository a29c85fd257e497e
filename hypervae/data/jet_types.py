"""The names that JetNet gives to jet types and to columns."""

from __future__ import annotations

import os

from hypervae.errors import InputError

#: Jet types and their indices, as JetNet numbers them.
JET_TYPES = {"g": 0, "q": 1, "t": 2, "w": 3, "z": 4}
PARTICLE_FEATURES = ("etarel", "phirel", "ptrel", "mask")
JET_FEATURES = ("pt", "eta", "mass", "num_particles")


def check_jet_type(jet_type: str, file: str | os.PathLike[str] = "config") -> str:
    """Return the jet type if it is one.

    Parameters
    ----------
    jet_type : str
    file : path-like
        Named in the error.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it is not one of `JET_TYPES`.
    """
    if jet_type not in JET_TYPES:
        raise InputError(
            file, "jet type", found=repr(jet_type), expected="one of " + ", ".join(JET_TYPES)
        )
    return jet_type
