"""Check files of jets in the formats of `hypervae.data.readers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hypervae.data.jet_types import check_jet_type
from hypervae.data.jets import Jets
from hypervae.data.readers.registry import JET_FILES


class Spread:
    """Multiplicity, pT, mass and sum of ptrel of jets, batch by batch."""

    def __init__(self) -> None:
        self._columns: dict[str, list[np.ndarray]] = {"n": [], "pt": [], "mass": [], "ptrel": []}

    @property
    def count(self) -> int:
        """Jets so far."""
        return sum(map(len, self._columns["n"]))

    def add(self, jets: Jets) -> None:
        """Take a batch.

        Parameters
        ----------
        jets : Jets
        """
        values = {
            "n": jets.multiplicity,
            "pt": jets.jet_features[:, 0],
            "mass": jets.jet_features[:, 2],
            "ptrel": jets.particle_features[..., 2].sum(axis=1),
        }
        for name, column in values.items():
            self._columns[name].append(column)

    def lines(self, slots: int | None = None) -> list[str]:
        """Describe all jets so far.

        Parameters
        ----------
        slots : int, optional
            For particles of a jet.

        Returns
        -------
        list of str
        """
        n, pt, mass, ptrel = (np.concatenate(parts) for parts in self._columns.values())
        of = "" if slots is None else f" of {slots} slots"
        return [
            f"particles: {n.min()} to {n.max()}{of}, mean {n.mean():.2f}",
            f"jet pt: {_spread(pt)} GeV; mass: {_spread(mass)} GeV; sum of ptrel: {_spread(ptrel)}",
        ]


def _spread(values: np.ndarray) -> str:
    values = values.astype(np.float64)
    return f"{values.mean():.4g} +- {values.std():.3g} ({values.min():.4g} to {values.max():.4g})"


def check_jet_file(path: Path, name: str, jet_type: str | None = None) -> list[str]:
    """Describe a file of jets, or raise `InputError`; see `hypervae.checks.files.check_file`.

    It is read as `hypervae import` reads it, so that both agree.

    Parameters
    ----------
    path : Path
    name : str
        Of the format.
    jet_type : str, optional
        Of which there must be jets, where the format has a class that goes with it.

    Returns
    -------
    list of str
        Lines to show.
    """
    if jet_type is not None:
        check_jet_type(jet_type)
    with JET_FILES[name](path) as file:
        spread, counts = Spread(), np.zeros(len(file.classes), dtype=np.int64)
        for jets, classes in file.batches():
            spread.add(jets)
            if classes is not None:
                counts += np.bincount(classes, minlength=len(counts))
        held = {c: int(n) for c, n in zip(file.classes, counts, strict=True) if n}
        wanted = None if jet_type is None else file.class_of(jet_type)
        if held and wanted is not None and not counts[wanted]:
            raise file.error("jet class", f"only {', '.join(held)}", file.classes[wanted])
        listed = ", ".join(f"{n} {c}" for c, n in held.items()) or "not named"
        features = "the summed particles'" if file.summed else "the full jets'"
        return [
            f"{name} file of {spread.count} jets, classes: {listed}",
            *spread.lines(),
            f"jet features: {features}",
        ]
