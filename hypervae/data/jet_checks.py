"""The checks that every jet passes on its way in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jet_types import JET_FEATURES, PARTICLE_FEATURES
from hypervae.data.ranges import LOWEST_MASS, beyond, likely_cause
from hypervae.errors import InputError

if TYPE_CHECKING:
    from hypervae.data.jets import Jets

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: jets are refused or taken as they are


def check_jets(jets: Jets, file: str | os.PathLike[str], first_row: int = 0) -> None:
    """Check every value of a batch.

    Parameters
    ----------
    jets : Jets
    file : path-like
        Where they come from, for the message.
    first_row : int
        The file's row of the first jet, for the message.

    Raises
    ------
    InputError
        Naming the file, the column, the row and the value, and what the file looks like instead
        where that shows, on: NaN or infinity; a jet pt that is not positive; a negative mass; a
        mask that is not 0 or 1; ptrel <= 0 where the mask is 1 or other than 0 where it is 0; a jet
        without particles; a split other than 0, 1, 2; a further column that
        is not 0 where the mask is; values beyond the ranges of
        `hypervae.data.ranges.beyond`.
    """

    def refuse(field: str, wrong: NDArray, value: NDArray, expected: str) -> None:
        if not wrong.any():
            return
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        row = f"row {first_row + place[0]}"
        where = row if len(place) == 1 else f"{row}, particle {place[1]}"
        count = int(wrong.sum())
        more = f" (and {count - 1} more)" if count > 1 else ""
        cause = likely_cause(jets.particle_features, jets.jet_features)
        raise InputError(
            file,
            field,
            found=f"{value[place]} at {where}{more}",
            expected=expected + (f"; {cause}" if cause else ""),
        )

    for index, name in enumerate(PARTICLE_FEATURES):
        column = jets.particle_features[..., index]
        refuse(f"particle_features {name}", ~np.isfinite(column), column, "finite numbers")
    for index, name in enumerate(JET_FEATURES):
        column = jets.jet_features[:, index]
        refuse(f"jet_features {name}", ~np.isfinite(column), column, "finite numbers")

    mask, ptrel = jets.particle_features[..., 3], jets.particle_features[..., 2]
    refuse("particle_features mask", (mask != 0) & (mask != 1), mask, "0 or 1")
    refuse("particle_features ptrel", ptrel < 0, ptrel, "ptrel >= 0")
    refuse("particle_features mask", (mask == 1) & (ptrel == 0), ptrel, "ptrel > 0 where mask is 1")
    refuse("particle_features mask", (mask == 0) & (ptrel != 0), ptrel, "ptrel = 0 where mask is 0")
    count = mask.sum(axis=1)
    refuse("particle_features mask", count == 0, count, "at least one particle in each jet")
    pt, mass = jets.jet_features[:, 0], jets.jet_features[:, 2]
    refuse("jet_features pt", pt <= 0, pt, "pt > 0 GeV")
    refuse("jet_features mass", mass < LOWEST_MASS, mass, "mass >= 0 GeV up to rounding")
    for name, column in jets.extra.items():
        refuse(f"particle_extra {name}", ~np.isfinite(column), column, "finite numbers")
        refuse(f"particle_extra {name}", (mask == 0) & (column != 0), column, "0 where mask is 0")
    for breach in beyond(jets.particle_features, jets.jet_features):
        refuse(*breach)
    if jets.split is not None:
        refuse("split", jets.split > 2, jets.split, "0 (train), 1 (validation) or 2 (test)")
