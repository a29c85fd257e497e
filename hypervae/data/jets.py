"""Jets in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypervae.arguments import numbers, one_of
from hypervae.data.columns import wrong_names
from hypervae.data.extra import joined as joined_extra
from hypervae.data.extra import reorder, select
from hypervae.data.jet_checks import check_jets
from hypervae.data.jet_types import JET_TYPES
from hypervae.errors import ArgumentError


@dataclass(repr=False)
class Jets:
    """A batch of jets in JetNet's layout.

    Parameters
    ----------
    particle_features : [n, P, 4] float32
        (etarel, phirel [rad], ptrel, mask), sorted by falling ptrel, zero where the mask is.
    jet_features : [n, 4] float32
        (pt [GeV], eta, mass [GeV], num_particles) of the full jet.
    event_id : [n] int64, optional
        The event that a jet comes from.
    split : [n] uint8, optional
        0 train, 1 validation, 2 test.
    jet_type : str, optional
        One of `JET_TYPES`.
    extra : dict of str to [n, P] float32, optional
        Further columns of the particles by name, e.g. ``charge``; zero where the mask is.

    Examples
    --------
    >>> import numpy as np
    >>> from hypervae import Jets
    >>> particles = [[[0.1, 0.0, 0.6], [-0.1, 0.1, 0.3]], [[0.0, 0.0, 0.9], [0.0, 0.0, 0.0]]]
    >>> jets = Jets.from_arrays(particles, [[1000, 0.2, 95], [900, -1.0, 5]], jet_type="q")
    >>> jets
    <Jets: 2 q jets, 2 particle slots, mean pT 950 GeV>
    >>> jets.multiplicity
    array([2, 1])
    >>> jets[jets.multiplicity > 1]
    <Jets: 1 q jet, 2 particle slots, mean pT 1000 GeV>
    """

    particle_features: NDArray[np.float32]
    jet_features: NDArray[np.float32]
    event_id: NDArray[np.int64] | None = None
    split: NDArray[np.uint8] | None = None
    jet_type: str | None = None
    extra: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def from_arrays(
        cls,
        particles: ArrayLike,
        jets: ArrayLike,
        *,
        jet_type: str | None = None,
        event_id: ArrayLike | None = None,
        split: ArrayLike | None = None,
        extra: Mapping[str, ArrayLike] | None = None,
    ) -> Jets:
        """Jets from arrays of one's own, checked and sorted.

        Parameters
        ----------
        particles : [n, P, 3] or [n, P, 4] array-like
            (etarel, phirel [rad], ptrel) relative to axis and pT of the full jet, and the mask;
            without a mask, particles are where ptrel is not 0.
        jets : [n, 3] or [n, 4] array-like
            (pt [GeV], eta, mass [GeV]) of the full jet. A fourth column is not read: the number
            of particles is counted.
        jet_type : str, optional
            One of `JET_TYPES`.
        event_id : [n] array-like of int, optional
        split : [n] array-like of int, optional
            0 train, 1 validation, 2 test.
        extra : mapping of str to [n, P] array-like, optional
            Further columns of the particles, e.g. ``charge``; taken as 0 where no particle is.

        Returns
        -------
        Jets

        Raises
        ------
        ArgumentError
            If a shape or type is wrong.
        InputError
            If a value is none that a jet has; see `check_jets`.
        """
        slots = numbers("particles", particles, (None, None, (3, 4)))
        full = numbers("jets", jets, (len(slots), (3, 4)))
        if slots.size == 0:
            raise ArgumentError(
                "particles", found=f"shape {list(slots.shape)}", expected="at least one particle"
            )
        mask = slots[..., 3:] if slots.shape[2] == 4 else slots[..., 2:3] != 0
        laid_out = np.concatenate([slots[..., :3], mask], axis=-1).astype(np.float32)
        count = (mask[..., 0] > 0.5).sum(axis=1)
        features = np.column_stack([full[:, :3], count]).astype(np.float32)
        length = (len(slots),)
        events = None if event_id is None else numbers("event_id", event_id, length)
        parts = None if split is None else numbers("split", split, length)
        if jet_type is not None:
            one_of("jet_type", jet_type, JET_TYPES)
        if wrong := wrong_names(extra or ()):
            raise ArgumentError("extra", found=wrong[0], expected=wrong[1])
        columns = {
            name: np.where(
                laid_out[..., 3] > 0.5, numbers(f"extra {name}", values, laid_out.shape[:2]), 0.0
            ).astype(np.float32)
            for name, values in (extra or {}).items()
        }
        made = cls(
            laid_out,
            features,
            None if events is None else events.astype(np.int64),
            None if parts is None else parts.astype(np.uint8),
            jet_type,
            columns,
        )
        check_jets(made, "jets")
        return sort_particles(made)

    @classmethod
    def load(cls, path: str | os.PathLike[str], jet_type: str | None = None) -> Jets:
        """Read a shard, generated jets or a JetNet file (HDF5), checked.

        Parameters
        ----------
        path : path-like
        jet_type : str, optional
            Where the file names none.

        Returns
        -------
        Jets

        Raises
        ------
        InputError
            As `hypervae.formats.shard.ShardReader`.
        """
        from hypervae.data.jet_files import load_jets

        return load_jets(path, jet_type)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a shard, which every command takes; ``hypervae export`` makes other formats of it.

        Parameters
        ----------
        path : path-like
            Ends in .h5 or .hdf5.

        Raises
        ------
        ArgumentError
            If the name ends otherwise, or the jets have no type.
        InputError
            If a value is none that a jet has.
        """
        from hypervae.data.jet_files import save_jets

        save_jets(self, path)

    def __len__(self) -> int:
        return len(self.particle_features)

    def __repr__(self) -> str:
        from hypervae.data.views import one_line

        return one_line(self)

    def _repr_html_(self) -> str:
        from hypervae.data.views import html_table

        return html_table(self)

    def __getitem__(self, rows: int | slice | list[int] | NDArray) -> Jets:
        if isinstance(rows, int | np.integer):  # a batch of one, so that jets stay jets
            if not -len(self) <= rows < len(self):
                raise IndexError(f"jet {rows} of {len(self)}")
            rows = slice(int(rows) % len(self), int(rows) % len(self) + 1)
        return Jets(
            self.particle_features[rows],
            self.jet_features[rows],
            None if self.event_id is None else self.event_id[rows],
            None if self.split is None else self.split[rows],
            self.jet_type,
            select(self.extra, rows),
        )

    @property
    def mask(self) -> NDArray[np.bool_]:
        """[n, P] where particles are."""
        return self.particle_features[..., 3] > 0.5

    @property
    def multiplicity(self) -> NDArray[np.int64]:
        """[n] number of kept particles."""
        return self.mask.sum(axis=1)

    @property
    def four_momenta(self) -> Any:
        """[n, P] four-momenta of the particles [GeV], 0 where none is: an array of ``vector``."""
        from hypervae.data.views import momentum_vectors

        return momentum_vectors(self)

    def to_awkward(self) -> Any:
        """An awkward array: a record a jet, its particles a list without empty slots.

        Returns
        -------
        awkward.Array [n]
            See `hypervae.data.views.awkward_array`.

        Raises
        ------
        MissingPackageError
            Without awkward or vector (``pip install 'hypervae[analysis]'``).
        """
        from hypervae.data.views import awkward_array

        return awkward_array(self)


def concatenate(batches: Sequence[Jets]) -> Jets:
    """Join batches of jets; an optional column survives where every batch has it.

    Parameters
    ----------
    batches : sequence of Jets

    Returns
    -------
    Jets
    """

    def joined(name: str) -> NDArray | None:
        columns = [getattr(batch, name) for batch in batches]
        return None if any(column is None for column in columns) else np.concatenate(columns)

    types = {batch.jet_type for batch in batches}
    return Jets(
        np.concatenate([batch.particle_features for batch in batches]),
        np.concatenate([batch.jet_features for batch in batches]),
        joined("event_id"),
        joined("split"),
        types.pop() if len(types) == 1 else None,
        joined_extra(batch.extra for batch in batches),
    )


def sort_particles(jets: Jets) -> Jets:
    """Sort the particles of each jet by falling ptrel, absent ones last; ties keep their order.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    Jets
    """
    ptrel = jets.particle_features[..., 2] * jets.particle_features[..., 3]
    if np.all(ptrel[:, 1:] <= ptrel[:, :-1]):
        return jets
    order = np.argsort(-ptrel, axis=1, kind="stable")
    particles = np.take_along_axis(jets.particle_features, order[..., None], axis=1)
    return Jets(
        *(particles, jets.jet_features, jets.event_id, jets.split, jets.jet_type),
        reorder(jets.extra, order),
    )
