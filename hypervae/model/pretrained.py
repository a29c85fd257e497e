"""Weights that the package ships: one model a jet type, with a card that says how good it is."""

from __future__ import annotations

from pathlib import Path

from hypervae.errors import ConfigError
from hypervae.model.files import CONFIG

_FOLDER = Path(__file__).parents[1] / "pretrained"


def pretrained_types() -> list[str]:
    """Jet types of which there are weights.

    Returns
    -------
    list of str
        Sorted.
    """
    return sorted(path.parent.name for path in _FOLDER.glob(f"*/{CONFIG}"))


def pretrained_folder(jet_type: str) -> Path:
    """The folder of a model that the package ships: weights, settings, normalization, card.md.

    Parameters
    ----------
    jet_type : str

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        If there is no such model.
    """
    types = pretrained_types()
    if jet_type not in types:
        raise ConfigError(
            f"pretrained: found {jet_type!r}, expected {' or '.join(types) or 'none: no weights'}"
        )
    return _FOLDER / jet_type
