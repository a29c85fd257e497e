"""Which jets train, which validate and which test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hypervae.config import SplitConfig
from hypervae.data.jets import Jets
from hypervae.seeds import derive_seed, splitmix64

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


def split_of(jets: Jets, config: SplitConfig, first_row: int = 0) -> NDArray[np.uint8]:
    """The split of each jet.

    The file's own ``split`` wins. Otherwise a seeded hash of the event (or, without events, of the
    row) decides: it depends on nothing else, so jets of one event share a split, and adding shards
    moves no jet.

    Parameters
    ----------
    jets : Jets
    config : SplitConfig
    first_row : int
        The file's row of the first jet.

    Returns
    -------
    [n] uint8
        0 train, 1 validation, 2 test.
    """
    return split_of_rows(len(jets), jets.event_id, jets.split, config, first_row)


def split_of_rows(
    n: int,
    event_id: NDArray[np.int64] | None,
    split: NDArray[np.uint8] | None,
    config: SplitConfig,
    first_row: int = 0,
) -> NDArray[np.uint8]:
    """The split of each of `n` jets, as `split_of`, from the two columns that decide it.

    Parameters
    ----------
    n : int
        Jets.
    event_id : [n] int64, optional
        The events of the jets.
    split : [n] uint8, optional
        The splits that the shard itself gives.
    config : SplitConfig
        Shares of the splits, and the seed.
    first_row : int
        Row of the first jet in its shard.

    Returns
    -------
    [n] uint8
    """
    if split is not None:
        return split
    key = event_id
    if key is None:
        key = np.arange(first_row, first_row + n, dtype=np.int64)
    with np.errstate(over="ignore"):
        mixed = splitmix64(
            splitmix64(key.astype(np.uint64)) + np.uint64(derive_seed(config.seed, "split"))
        )
    uniform = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    train, validation, _ = config.fractions
    return ((uniform >= train).astype(np.uint8) + (uniform >= train + validation)).astype(np.uint8)
