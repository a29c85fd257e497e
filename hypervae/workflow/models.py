"""The files of a trained model."""

from __future__ import annotations

from pathlib import Path

#: The files of a trained model in its folder, its weights first.
MODEL_FILES = ("weights.safetensors", "config.json", "normalization.h5")


def model_files(path: str) -> list[str]:
    """The files of a trained model.

    Parameters
    ----------
    path : str
        Its folder, or its weights, which the other files lie beside.

    Returns
    -------
    list of str
        The weights first.
    """
    place = Path(path)
    if place.suffix == ".safetensors":
        return [path, *(str(place.with_name(name)) for name in MODEL_FILES[1:])]
    return [str(place / name) for name in MODEL_FILES]
