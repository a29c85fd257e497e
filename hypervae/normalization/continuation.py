"""Whether a trained model fits the jets of another run."""

from __future__ import annotations

import os

from hypervae.errors import InputError
from hypervae.normalization.normalization import Normalization


def check_particles(
    weights: Normalization, run: Normalization, place: str | os.PathLike[str]
) -> None:
    """Check that a trained model's jets are like those of a run.

    Parameters
    ----------
    weights : Normalization
        Of the trained model.
    run : Normalization
        Merged from the jets of the run.
    place : path-like
        Of the trained model's, for messages.

    Raises
    ------
    InputError
        If the numbers of particles differ, or the model was trained on jets of the run that were
        split otherwise: test jets of the run would have been among its training jets.
    """
    if weights.max_particles != run.max_particles:
        raise InputError(
            place,
            "max_particles",
            found=str(weights.max_particles),
            expected=f"{run.max_particles}, as the jets of this run have (data.max_particles)",
        )
    split, here = weights.settings.split, run.settings.split
    if split != here and weights.contents & run.contents:
        raise InputError(
            place,
            "split",
            found=f"{split} for the same jets",
            expected=f"{here} (data.split): the model has seen jets that are held out here",
        )


def check_features(
    weights: Normalization, run: Normalization, place: str | os.PathLike[str]
) -> None:
    """Check that a run's features are those that a trained model reads.

    Parameters
    ----------
    weights, run, place
        As for `check_particles`.

    Raises
    ------
    InputError
        If bins, weights, orders or hyperedges differ, or the features are scaled otherwise.
    """
    theirs, ours = weights.settings.to_dict(), run.settings.to_dict()
    theirs["method"], ours["method"] = weights.method, run.method
    for name in sorted(theirs.keys() - {"split"}):
        if theirs[name] != ours[name]:
            raise InputError(place, name, found=str(theirs[name]), expected=f"{ours[name]} as here")
