"""Which mode a config stands for, by the number of hyperedges and the device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hypervae.config import ModelConfig
from hypervae.correlators.sets import set_count
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.normalization import Normalization

if TYPE_CHECKING:
    import torch


def number_of_sets(max_particles: int, orders: Iterable[int]) -> int:
    """Hyperedges of a jet with `max_particles` particles: sets of each of the orders.

    Parameters
    ----------
    max_particles : int
        Of a jet.
    orders : iterable of int

    Returns
    -------
    int

    Examples
    --------
    >>> number_of_sets(26, [3, 4])
    17550
    """
    return sum(set_count(max_particles, order) for order in orders)


def choose_mode(name: str, sets: int, device: torch.device | str = "cpu", heads: int = 4) -> str:
    """Decide how hyperedges are encoded (or decoded).

    Parameters
    ----------
    name : str
        ``hyperedge_encoder`` or ``hyperedge_decoder`` of the config.
    sets : int
        Hyperedges of the largest jet, see `number_of_sets`.
    device : torch.device or str
    heads : int
        Attention heads.

    Returns
    -------
    str
        One of `HYPEREDGE_MODES`. ``auto`` is the first of them that suits.

    Raises
    ------
    ConfigError
        If the mode is unknown, or refuses that many sets (`HyperedgeMode.check`).
    """
    if name == "auto":
        return next(name for name, mode in HYPEREDGE_MODES.items() if mode.suits(sets, device))
    HYPEREDGE_MODES[name].check(sets, heads)
    return name


def resolved_modes(
    config: ModelConfig, normalization: Normalization, device: torch.device | str
) -> ModelConfig:
    """The config with ``auto`` replaced in ``hyperedge_encoder`` and ``hyperedge_decoder``.

    Parameters
    ----------
    config : ModelConfig
    normalization : Normalization
        Gives orders, and how many particles form hyperedges.
    device : torch.device or str

    Returns
    -------
    ModelConfig

    Raises
    ------
    ConfigError
        As `choose_mode`.
    """
    sets = number_of_sets(normalization.hyperedge_particles, normalization.hyperedge_orders)
    encoder, decoder = (
        choose_mode(name, sets, device, config.heads)
        for name in (config.hyperedge_encoder, config.hyperedge_decoder)
    )
    return config.replace(hyperedge_encoder=encoder, hyperedge_decoder=decoder)
