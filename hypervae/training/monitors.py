"""What the best epoch can be chosen by. Importing this module needs no torch."""

from __future__ import annotations

from typing import NamedTuple


class MonitoredQuantity(NamedTuple):
    """One choice of ``train.monitor``; lower is better.

    Attributes
    ----------
    column : str
        Of the history.
    summary : str
        What it is, in a few words.
    sampled : bool
        Whether it is measured on generated jets, every ``train.monitor_every`` epochs.
    """

    column: str
    summary: str
    sampled: bool


#: Choices of ``train.monitor``.
MONITORS = {
    "total": MonitoredQuantity("val_total", "validation loss", False),
    "w1m": MonitoredQuantity("val_w1m", "W1M of generated against validation jets", True),
    "floors": MonitoredQuantity(
        "val_floors", "mean of W1M, W1P and W1 of tau21 and tau32 of such jets, in floors", True
    ),
}
