"""Simulate jets with Pythia 8 and FastJet, so that they agree with JetNet (arXiv:2106.11535).

One jet an event: the leading anti-kT jet of the visible final-state particles. The second jet is
not taken, although it costs nothing: it is the one that lost more to radiation and neutrinos (a
mean pT of 930 GeV for g, where the leading jet has 1,123 and JetNet 1,133).
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import awkward as ak
import fastjet
import numpy as np
from numpy.typing import NDArray

from hypervae.config import SimulationConfig
from hypervae.data.columns import CHARGE
from hypervae.data.jet_types import check_jet_type
from hypervae.data.jets import Jets
from hypervae.errors import HyperVAEError
from hypervae.formats.shard_writer import ShardWriter
from hypervae.kinematics import wrap_phi
from hypervae.progress import Progress
from hypervae.seeds import derive_seed

if TYPE_CHECKING:
    from pythia8mc import Pythia

_HADRONIC_W = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")
_HADRONIC_Z = ("23:onMode = off", "23:onIfAny = 1 2 3 4 5")
#: The hard processes of each jet type, as Pythia's settings.
PROCESSES = {
    "g": ("HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on"),
    "q": ("HardQCD:qq2qq = on", "HardQCD:gg2qqbar = on", "HardQCD:qqbar2qqbarNew = on"),
    "t": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *_HADRONIC_W),
    "w": ("WeakDoubleBoson:ffbar2WW = on", *_HADRONIC_W),
    # gmZmode 2: the Z alone, without the photon and their interference.
    "z": ("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2", *_HADRONIC_Z),
}
#: Photons radiated off quarks, tops and W bosons, in the final and in the initial state. Those of
#: decays (pi0 and others) and those that leptons radiate do not depend on these switches.
QED_SHOWERS = (
    "TimeShower:QEDshowerByQ",
    "TimeShower:QEDshowerByOther",
    "SpaceShower:QEDshowerByQ",
)
NEUTRINOS = (12, 14, 16)

# Events at once: about 2,000 particles each, so some 20 MB; larger batches are not faster.
BATCH = 100
# Pythia takes seeds from 1 to this; 0 would mean the clock.
LARGEST_SEED = 900_000_000
# With fewer than one jet kept in so many events, the settings are taken to be wrong.
FRUITLESS = 1000


def pythia_settings(jet_type: str, shard: int, config: SimulationConfig) -> list[str]:
    """Pythia's settings for one shard.

    Parameters
    ----------
    jet_type : str
    shard : int
    config : SimulationConfig

    Returns
    -------
    list of str
        Lines for ``Pythia.readString``.
    """
    low, high = config.pt_hat.of_type(check_jet_type(jet_type))
    return [
        "Print:quiet = on",
        f"Beams:eCM = {config.energy!r}",
        f"Tune:pp = {config.tune}",
        "Random:setSeed = on",
        f"Random:seed = {pythia_seed(config.seed, jet_type, shard)}",
        *PROCESSES[jet_type],
        f"PhaseSpace:pTHatMin = {low!r}",
        f"PhaseSpace:pTHatMax = {high!r}",
        *(f"{switch} = {'on' if config.qed_radiation else 'off'}" for switch in QED_SHOWERS),
    ]


def pythia_seed(seed: int, jet_type: str, shard: int) -> int:
    """Pythia's seed for one shard, in [1, 900,000,000].

    The shard is added to a hash of the rest, not hashed with it: so no two shards of a type can get
    one seed, as hashes in so small a range do (5 % for 10,000 shards), and hold equal events.

    Parameters
    ----------
    seed : int
        Of the stage.
    jet_type : str
    shard : int
        Its index.

    Returns
    -------
    int
    """
    return (derive_seed(seed, "simulate", jet_type) + shard) % LARGEST_SEED + 1


def leading_jets(
    events: ak.Array,
    *,
    radius: float,
    jet_pt: tuple[float, ...],
    max_particles: int,
    min_particle_pt: float = 0.0,
) -> tuple[Jets, NDArray[np.int64]]:
    """Find the leading jet of each event and lay it out as JetNet does.

    Parameters
    ----------
    events : awkward array of [events][particles]
        Records with id (PDG), status (> 0: final state), p (px, py, pz, e in GeV), and perhaps
        charge, which is kept as a further column.
    radius : float
        Of anti-kT.
    jet_pt : (low, high)
        Kept range of the jet pT [GeV].
    max_particles : int
        The hardest constituents kept, P.
    min_particle_pt : float
        Softer constituents [GeV] are not kept. They still belong to the jet: to its axis, pT, mass.

    Returns
    -------
    jets : Jets
        particle_features [k, P, 4], relative to the axis and pT of the full jet; jet_features of
        the full jet but for num_particles, which counts the kept ones (as in JetNet).
    kept : [k] int64
        The events that they come from; events without a jet in the range of pT are left out, and
        jets without a constituent that is hard enough.
    """
    pdg_id = abs(events.id)
    visible = events.status > 0
    for neutrino in NEUTRINOS:
        visible = visible & (pdg_id != neutrino)
    momenta = events.p[visible]
    momenta = ak.zip({"px": momenta.px, "py": momenta.py, "pz": momenta.pz, "E": momenta.e})

    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    clusters = fastjet.ClusterSequence(momenta, definition)
    jets = clusters.inclusive_jets(min_pt=jet_pt[0])
    indices = clusters.constituent_index(min_pt=jet_pt[0])
    leading = ak.argmax(np.hypot(jets.px, jets.py), axis=1, keepdims=True)
    found = ~ak.is_none(leading[:, 0])
    jet = jets[found][leading[found]][:, 0]
    px, py, pz, energy = (
        ak.to_numpy(jet[name], allow_missing=False) for name in ("px", "py", "pz", "E")
    )
    pt = np.hypot(px, py)
    constituents = momenta[found][indices[found][leading[found]][:, 0]]
    constituent_pt = np.hypot(constituents.px, constituents.py)
    hard = constituent_pt >= min_particle_pt
    constituents = constituents[hard]
    in_range = (pt < jet_pt[1]) & (ak.to_numpy(ak.num(constituents, axis=1)) > 0)
    constituents = constituents[in_range]
    px, py, pz, energy, pt = (x[in_range] for x in (px, py, pz, energy, pt))

    constituent_pt = np.hypot(constituents.px, constituents.py)
    order = ak.argsort(constituent_pt, axis=1, ascending=False, stable=True)[:, :max_particles]
    constituents, constituent_pt = constituents[order], constituent_pt[order]

    def slots(values: ak.Array) -> NDArray[np.float64]:
        padded = ak.pad_none(values, max_particles, axis=1, clip=True)
        return ak.to_numpy(ak.fill_none(padded, 0.0)).astype(np.float64)

    count = ak.to_numpy(ak.num(constituent_pt, axis=1))
    mask = np.arange(max_particles) < count[:, None]
    kept_pt = slots(constituent_pt)
    eta = np.arcsinh(pz / pt)
    etas = np.arcsinh(slots(constituents.pz) / np.where(mask, kept_pt, 1.0))
    phis = np.arctan2(slots(constituents.py), slots(constituents.px))
    particles = np.stack(
        [
            np.where(mask, etas - eta[:, None], 0.0),
            np.where(mask, wrap_phi(phis - np.arctan2(py, px)[:, None]), 0.0),
            kept_pt / pt[:, None],
            mask,
        ],
        axis=-1,
    )
    # A light jet's m^2 can round to below zero.
    mass = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    features = np.stack([pt, eta, mass, count], axis=-1)
    rows = np.flatnonzero(ak.to_numpy(found))[in_range]
    extra = {}
    if CHARGE in events.fields:
        charges = events[CHARGE][visible][found][indices[found][leading[found]][:, 0]]
        charges = charges[hard][in_range][order]
        extra[CHARGE] = slots(charges).astype(np.float32)
    return Jets(particles.astype(np.float32), features.astype(np.float32), extra=extra), rows


def with_charges(particles: ak.Array, pythia: Pythia) -> ak.Array:
    """Add the electric charges of particles.

    Parameters
    ----------
    particles : awkward array of [events][particles]
        Records with id (PDG).
    pythia : Pythia
        Whose table of particles says it.

    Returns
    -------
    awkward array
        With charge, in units of the positron's.
    """
    ids, places = np.unique(ak.to_numpy(ak.flatten(particles.id)), return_inverse=True)
    charges = np.array([pythia.particleData.charge(int(number)) for number in ids])
    charge = ak.unflatten(charges[places], ak.num(particles.id))
    return ak.with_field(particles, charge, CHARGE)


def simulate_shard(
    path: str | os.PathLike[str],
    jet_type: str,
    shard: int,
    jets: int,
    max_particles: int,
    config: SimulationConfig,
) -> None:
    """Simulate jets and write them as one shard; the same arguments give the same bytes.

    Memory does not grow with the number of jets.

    Parameters
    ----------
    path : path-like
        The shard to write.
    jet_type : str
        One of `hypervae.data.jet_types.JET_TYPES`.
    shard : int
        Its index; each has its own random stream. ``event_id`` is shard << 32 | event number.
    jets : int
        How many.
    max_particles : int
        The hardest constituents kept.
    config : SimulationConfig

    Raises
    ------
    HyperVAEError
        If Pythia refuses its settings, or next to no event has a jet in the range of pT.
    """
    settings = pythia_settings(jet_type, shard, config)
    pythia = start_pythia(settings, jet_type)
    silence_fastjet()
    with (
        ShardWriter(
            path,
            max_particles,
            jet_type=jet_type,
            source="pythia",
            seed=config.seed,
            settings={
                "pythia": settings,
                "algorithm": "anti-kt",
                "radius": config.radius,
                "jet_pt": list(config.jet_pt),
                "min_particle_pt": config.min_particle_pt,
                "shard": shard,
            },
            packages=("pythia8mc", "fastjet", "awkward", "numpy"),
        ) as writer,
        Progress(jets, f"simulate {jet_type}, shard {shard}", "jets") as progress,
    ):
        events = 0
        while writer.n_jets < jets:
            wanted = jets - writer.n_jets
            size = min(BATCH, wanted)
            with captured_stdout():
                batch = pythia.nextBatch(size)
            found, rows = leading_jets(
                with_charges(batch.prt, pythia),
                radius=config.radius,
                jet_pt=config.jet_pt,
                max_particles=max_particles,
                min_particle_pt=config.min_particle_pt,
            )
            found.event_id = np.int64(shard) << np.int64(32) | (rows + events)
            events += size
            writer.append(found)
            progress.update(len(found))
            if events >= FRUITLESS and writer.n_jets < events / FRUITLESS:
                pt_hat = list(config.pt_hat.of_type(jet_type))
                raise HyperVAEError(
                    f"simulation of {jet_type}: found {writer.n_jets} jets with a pT of "
                    f"{list(config.jet_pt)} GeV in {events} events, expected at least one in "
                    f"{FRUITLESS}; jet_pt does not fit pt_hat {pt_hat} GeV"
                )


def silence_fastjet() -> None:
    """Keep FastJet's banner, printed at the first clustering, off standard output.

    Its authors ask for citations in it: they stand in docs/data.md.
    """
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)


@contextmanager
def captured_stdout() -> Iterator[list[str]]:
    """Keep what compiled code writes to standard output; the list holds its lines afterwards.

    Yields
    ------
    list of str
    """
    lines: list[str] = []
    sys.stdout.flush()
    saved = os.dup(1)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 1)
        try:
            yield lines
        finally:
            os.dup2(saved, 1)
            os.close(saved)
            kept.seek(0)
            lines += kept.read().decode(errors="replace").splitlines()


def start_pythia(settings: list[str], jet_type: str) -> Pythia:
    """Start a generator, in silence.

    Parameters
    ----------
    settings : list of str
        Lines as `pythia_settings` makes them.
    jet_type : str
        For the message.

    Returns
    -------
    Pythia

    Raises
    ------
    HyperVAEError
        With Pythia's reasons, if it refuses the settings.
    """
    from pythia8mc import Pythia

    with captured_stdout():
        pythia = Pythia("", False)
        refused = [line for line in settings if not pythia.readString(line)]
        ready = not refused and pythia.init()
    if ready:
        return pythia
    with captured_stdout() as output:
        # Once more, with its voice on, to hear why.
        pythia = Pythia("", False)
        for line in settings[1:]:
            pythia.readString(line)
        if not refused:
            pythia.init()
    reasons = [line.strip() for line in output if "Error" in line or "Abort" in line]
    raise HyperVAEError(
        f"Pythia refuses the simulation of {jet_type} jets: "
        + "; ".join([*refused, *dict.fromkeys(reasons)])
        + f" (settings: {', '.join(settings[1:])})"
    )
