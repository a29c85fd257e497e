"""Which way of encoding hyperedges fits their number and the device."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from hypervae.config import ModelConfig
from hypervae.correlators.sets import set_count
from hypervae.errors import ConfigError
from hypervae.normalization import Normalization

#: All ways, but for ``auto``, which is one of them.
MODES = ("attention", "mlp", "chunked", "sampled", "binned", "clustered", "sparse")
#: Fewer hyperedges than this: ``auto`` takes full attention.
FEW = 100
#: More than this: full attention is refused.
LIMIT = 1000


def number_of_sets(max_particles: int, orders: Iterable[int]) -> int:
    """Hyperedges of a jet with `max_particles` particles: sets of each of the orders.

    Examples
    --------
    >>> number_of_sets(26, [3, 4])
    17550
    """
    return sum(set_count(max_particles, order) for order in orders)


def attention_bytes(sets: int, heads: int) -> int:
    """Bytes of the float32 weights of full attention among the sets of one jet."""
    return 4 * heads * sets**2


def choose_mode(mode: str, sets: int, device: object = "cpu", heads: int = 4) -> str:
    """Decide how hyperedges are encoded (or decoded).

    Parameters
    ----------
    mode : str
        ``hyperedge_encoder`` or ``hyperedge_decoder`` of the config.
    sets : int
        Hyperedges of the largest jet, see `number_of_sets`.
    device : str or torch.device
    heads : int
        Attention heads.

    Returns
    -------
    str
        One of `MODES`. ``auto`` is attention below 100 sets, else ``mlp`` on CUDA and ``binned``
        elsewhere.

    Raises
    ------
    ConfigError
        If the mode is unknown, or full attention is asked for among more than 1,000 sets; among 100
        or more of them it is warned about.
    """
    if mode == "auto":
        if sets < FEW:
            return "attention"
        return "mlp" if str(device).startswith("cuda") else "binned"
    if mode not in MODES:
        raise ConfigError(f"hyperedges: {mode!r} is none of auto, {', '.join(MODES)}")
    if mode == "attention" and sets >= FEW:
        size = attention_bytes(sets, heads)
        weights = f"the weights of {heads} heads take {size / 2**30:.3g} GiB a jet and layer"
        if sets > LIMIT:
            raise ConfigError(
                f"full attention among {sets:,} hyperedges: {weights}, and as much again for their "
                f"gradient; it is refused above {LIMIT:,}. Use {', '.join(MODES[1:-1])} or "
                f"{MODES[-1]}, or a smaller correlators.hyperedges.max_particles"
            )
        warnings.warn(
            f"full attention among {sets:,} hyperedges: {weights}; above {FEW} of them mlp or "
            "binned cost less",
            stacklevel=2,
        )
    return mode


def resolved_modes(
    config: ModelConfig, normalization: Normalization, device: object
) -> ModelConfig:
    """The config with ``auto`` replaced in ``hyperedge_encoder`` and ``hyperedge_decoder``.

    Raises
    ------
    ConfigError
        As `choose_mode`.
    """
    most = min(normalization.max_particles, normalization.settings["hyperedges"]["max_particles"])
    sets = number_of_sets(most, normalization.hyperedge_orders)
    modes = {
        name: choose_mode(getattr(config, name), sets, device, config.heads)
        for name in ("hyperedge_encoder", "hyperedge_decoder")
    }
    return config.replace(**modes)
