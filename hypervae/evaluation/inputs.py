"""The three samples of an evaluation: generated, held-out real (test) and training jets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.config import SplitConfig
from hypervae.data.jet_checks import check_jets
from hypervae.data.jets import Jets, concatenate, sort_particles
from hypervae.data.ranges import LOWEST_MASS, beyond, blank_absent, likely_cause, misread
from hypervae.data.split import TEST, TRAIN, split_of
from hypervae.errors import InputError
from hypervae.formats.shard import GENERATED, ShardReader
from hypervae.io.guarded import guarded
from hypervae.seeds import derive_seed

# A distance between distributions, and its bootstrap error, need more than one jet.
FEWEST_JETS = 2
# Training, validation and test fractions that cut a sample in two.
HALF = [0.5, 0.0, 0.5]


@dataclass
class GeneratedJets:
    """Generated jets that are jets, and the count of those that are not.

    Parameters
    ----------
    jets : Jets
    read : int
        Jets read, broken ones included.
    stored : int
        Jets in the file.
    broken : dict of str to int
        Jets left out, by reason: ``non_finite`` (NaN or infinity), ``unphysical`` (negative pT, no
        particles, mask and ptrel that disagree, values beyond `hypervae.data.ranges.beyond`, ...).
    model : str or None
        The model's name, if the file tells.
    """

    jets: Jets
    read: int
    stored: int
    broken: dict[str, int]
    model: str | None


@dataclass
class RealJets:
    """Real jets.

    Parameters
    ----------
    test, train : Jets
        Held-out and training jets.
    slots : int
        The fewest particle slots among the files that were read.
    halved : bool
        Whether `train` is the other half of the jets, since no training jets were at hand.
    """

    test: Jets
    train: Jets
    slots: int
    halved: bool = False


def broken_jets(jets: Jets) -> dict[str, NDArray[np.bool_]]:
    """Which jets break the rules of `check_jets`; no jet counts twice.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    dict of str to [n] bool
        ``non_finite`` and ``unphysical``.
    """
    particles, features = jets.particle_features, jets.jet_features
    non_finite = ~(np.isfinite(particles).all(axis=(1, 2)) & np.isfinite(features).all(axis=1))
    ptrel, mask = particles[..., 2], particles[..., 3]
    # `~(a > b)`, not `a <= b`: NaN must not pass.
    present = mask == 1
    good = np.where(present, ptrel > 0, (mask == 0) & (ptrel == 0)).all(axis=1)
    good &= present.any(axis=1) & (features[:, 0] > 0) & (features[:, 2] >= LOWEST_MASS)
    for breach in beyond(particles, features):
        good &= ~(breach.wrong if breach.wrong.ndim == 1 else breach.wrong.any(axis=1))
    return {"non_finite": non_finite, "unphysical": ~good & ~non_finite}


def read_generated(
    path: str | os.PathLike[str], jet_type: str | None, max_jets: int
) -> GeneratedJets:
    """Read generated jets; broken ones are counted and left out.

    Real jets with a NaN are an error in the user's data and stop the evaluation. Generated ones are
    a property of the model: stopping would hide how good the rest is, and dropping them silently
    would hide that they exist.

    Parameters
    ----------
    path : path-like
    jet_type : str or None
        The type to take where the file names none.
    max_jets : int
        Jets read at most, from the start of the file.

    Returns
    -------
    GeneratedJets

    Raises
    ------
    InputError
        As `ShardReader` on a wrong layout; if no jet type is known; if fewer than two good jets are
        left; if jets of others have other units or another layout.
    """
    with ShardReader(path, jet_type) as reader:
        attributes, stored = reader.attributes, reader.n_jets
        if reader.jet_type is None:
            raise InputError(path, "jet_type", found="no attribute", expected="one, or --jet-type")
        jets = reader.unchecked(max_jets)  # `read` refuses a file for one NaN
    found = without_broken(jets, path, stored, _model_name(attributes))
    _check_units(found.jets, path, attributes)
    return found


def without_broken(
    jets: Jets, place: str | os.PathLike[str], stored: int, model: str | None = None
) -> GeneratedJets:
    """Count generated jets that are broken, and leave them out.

    Parameters
    ----------
    jets : Jets
    place : path-like
        Where they come from, for the message.
    stored : int
        Jets there, of which these are the first.
    model : str, optional
        The model's name.

    Returns
    -------
    GeneratedJets

    Raises
    ------
    InputError
        If fewer than two good jets are left.
    """
    read, particles, features = len(jets), jets.particle_features, jets.jet_features
    jets = replace(jets, particle_features=blank_absent(particles))
    reasons = broken_jets(jets)
    broken = {reason: int(rows.sum()) for reason, rows in reasons.items()}
    if any(broken.values()):
        jets = jets[~np.logical_or.reduce(list(reasons.values()))]
    counted = ", ".join(f"{count} {reason}" for reason, count in broken.items())
    cause = likely_cause(particles, features) if len(jets) < FEWEST_JETS else ""
    _require(jets, place, f"generated jets ({read} read, {counted})", cause)
    check_jets(jets, place)
    return GeneratedJets(sort_particles(jets), read, stored, broken, model)


@guarded(reads=("files",))
def read_real(
    files: Sequence[str | os.PathLike[str]],
    jet_type: str,
    split: SplitConfig,
    max_jets: int,
) -> RealJets:
    """Read the held-out and the training jets of real shards.

    Parameters
    ----------
    files : sequence of path-like
    jet_type : str
        Files that name another one are refused.
    split : SplitConfig
    max_jets : int
        Jets of each of the two samples at most, from the first files on.

    Returns
    -------
    RealJets
        Without any training jet: two halves of the held-out ones.

    Raises
    ------
    InputError
        As `ShardReader`, and if there are fewer than two jets of a sample.
    """
    wanted = {"test": TEST, "train": TRAIN}
    batches: dict[str, list[Jets]] = {name: [] for name in wanted}
    missing = dict.fromkeys(wanted, max_jets)
    slots = []
    for file in files:
        if not any(missing.values()):
            break
        with ShardReader(file, jet_type) as reader:
            slots.append(reader.max_particles)
            first_row = 0
            for jets in reader.chunks():
                parts = split_of(jets, split, first_row)
                first_row += len(jets)
                for name, part in wanted.items():
                    chosen = jets[np.flatnonzero(parts == part)[: missing[name]]]
                    missing[name] -= len(chosen)
                    batches[name].append(chosen)
    place = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    test, train = (concatenate(same_slots(batches[name])) for name in ("test", "train"))
    if len(train) == 0 and len(test) > 1:
        return halves(test, place, split, min(slots))
    for name, sample in (("test", test), ("train", train)):
        _require(sample, place, f"{name} jets")
    return RealJets(test, train, min(slots))


def halves(jets: Jets, place: str | os.PathLike[str], split: SplitConfig, slots: int) -> RealJets:
    """Cut real jets in two where there are no training jets for the truth floor.

    Parameters
    ----------
    jets : Jets
    place : path-like
        Where they come from, for the message.
    split : SplitConfig
        Its seed counts; jets of one event stay together.
    slots : int
        See `RealJets`.

    Returns
    -------
    RealJets

    Raises
    ------
    InputError
        If a half has fewer than two jets.
    """
    in_two = SplitConfig.of({"seed": derive_seed(split.seed, "halves"), "fractions": HALF})
    side = split_of(replace(jets, split=None), in_two)
    test, train = jets[side == TEST], jets[side == TRAIN]
    for half in (test, train):
        _require(half, place, f"real jets of a half of {len(jets)}")
    return RealJets(test, train, slots, halved=True)


def check_particles(generated: Jets, real: RealJets) -> None:
    """Check that neither side was cut at fewer particles than the other one holds.

    Slots that no jet fills do not matter: padding is masked. But jets of 30 kept particles and of
    up to 150 are different observables, and their distance would measure the cut.

    Parameters
    ----------
    generated : Jets
        As `read_generated` gives them.
    real : RealJets
        As `read_real` gives them.

    Raises
    ------
    InputError
        Naming the side that holds more.
    """
    sides = {
        "generated jets": (generated, real.slots, "real jets"),
        "test jets": (real.test, generated.particle_features.shape[1], "generated jets"),
        "train jets": (real.train, generated.particle_features.shape[1], "generated jets"),
    }
    for name, (jets, slots, other) in sides.items():
        most = int(jets.multiplicity.max())
        if most > slots:
            raise InputError(
                name,
                "particles",
                found=f"up to {most} in a jet",
                expected=f"at most {slots}, the slots of the {other}",
            )


def same_slots(batches: Sequence[Jets]) -> list[Jets]:
    """Pad batches of jets with absent particles to the same number of slots.

    Parameters
    ----------
    batches : sequence of Jets

    Returns
    -------
    list of Jets
    """
    slots = max(batch.particle_features.shape[1] for batch in batches)
    padded = []
    for batch in batches:
        short = slots - batch.particle_features.shape[1]
        particles = np.pad(batch.particle_features, ((0, 0), (0, short), (0, 0)))
        padded.append(replace(batch, particle_features=particles))
    return padded


def _require(jets: Jets, file: str | os.PathLike[str], what: str, cause: str = "") -> None:
    if len(jets) < FEWEST_JETS:
        raise InputError(
            file,
            what,
            found=f"{len(jets)} to compare",
            expected=f"at least {FEWEST_JETS}" + (f"; {cause}" if cause else ""),
        )


def _check_units(jets: Jets, file: str | os.PathLike[str], attributes: Mapping[str, Any]) -> None:
    """Refuse jets of others in other units; what HyperVAE generated is in those that it has."""
    if str(attributes.get("source")) == GENERATED:
        return
    found = misread(jets.particle_features, jets.jet_features)
    if found is not None:
        raise InputError(file, found.field, found=found.found, expected=found.expected)


def _model_name(attributes: Mapping[str, Any]) -> str | None:
    """The model's name in the settings that `hypervae generate` stores; other files have none."""
    try:
        settings = json.loads(attributes.get("settings", "{}"))
    except (TypeError, ValueError, RecursionError):
        return None
    name = settings.get("model") if isinstance(settings, dict) else None
    return name if isinstance(name, str) else None
