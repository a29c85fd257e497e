"""Sections that say which jets there are, from where, and how they are split."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, Strict

from hypervae.config.base import (
    LARGEST_SEED,
    AsInteger,
    AsNumber,
    Flag,
    Integer,
    Mistake,
    Number,
    Pair,
    Rising,
    Section,
    Text,
    key,
)
from hypervae.config.decisive import EXECUTION, PATH
from hypervae.data.sources.registry import JET_SOURCES, SourceConfig

#: As JetNet calls them.
JetType = Literal["g", "q", "t", "w", "z"]


# [GeV], up to what colliders that are planned reach.
PtHat = Annotated[
    tuple[Annotated[float, Strict(), Field(ge=1.0, le=1e5), AsNumber], ...], Pair, Rising
]
JetPt = Annotated[
    tuple[Annotated[float, Strict(), Field(ge=0.0, le=1e5), AsNumber], ...], Pair, Rising
]


class PtHatConfig(Section):
    """Range of the hard process's pT per jet type [GeV]."""

    reruns: ClassVar[str] = "the type"

    g: PtHat = key((1000.0, 3000.0), "gluon pairs, (low, high)", unit="GeV")
    q: PtHat = key((1000.0, 1010.0), "light-quark pairs, (low, high)", unit="GeV")
    t: PtHat = key((1000.0, 1010.0), "top pairs, hadronic decays, (low, high)", unit="GeV")
    w: PtHat = key((1000.0, 1010.0), "W bosons, hadronic decays, (low, high)", unit="GeV")
    z: PtHat = key((1000.0, 1010.0), "Z bosons, hadronic decays, (low, high)", unit="GeV")

    def of_type(self, jet_type: str) -> tuple[float, float]:
        """The range of one jet type, (low, high) in GeV.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        low, high : float
            [GeV]
        """
        low, high = getattr(self, jet_type)
        return low, high


class SimulationConfig(Section):
    """Pythia 8 and FastJet settings, for source pythia; the defaults reproduce JetNet."""

    reruns: ClassVar[str] = "simulate_shard onward"

    seed: Integer = key(1, "seed; each shard and type has its own stream", ge=0, le=LARGEST_SEED)
    energy: Number = key(13000.0, "centre-of-mass energy", unit="GeV", ge=100, le=1e6)
    tune: Integer = key(14, "Pythia's Tune:pp (14: Monash 2013, as in JetNet)", ge=0, le=100)
    radius: Number = key(0.4, "anti-kT radius (0.4 reproduces JetNet)", ge=0.05, le=1.5)
    jet_pt: JetPt = key((200.0, 3100.0), "kept range of the jet pT", unit="GeV")
    min_particle_pt: Number = key(
        0.35,
        "softer constituents of a jet are not kept (0.35 reproduces JetNet's multiplicities)",
        unit="GeV",
        ge=0,
        le=100,
    )
    qed_radiation: Flag = key(
        False,
        "whether quarks, tops and W bosons radiate photons (JetNet has no jet that is one photon)",
    )
    pt_hat: PtHatConfig = Field(default_factory=PtHatConfig)


class JetNetConfig(Section):
    """The JetNet dataset (Zenodo), for source jetnet."""

    reruns: ClassVar[str] = "download_jetnet onward"

    particles: Annotated[Literal[30, 150], AsInteger] = key(
        30, "the 30- or the 150-particle version"
    )
    directory: Text = key(
        "",
        "folder with pre-staged files ({type}.hdf5 or {type}150.hdf5); empty: download",
        counts=PATH,
    )
    record: Text = key(
        "", "address of the data record's metadata; empty: the version's own on Zenodo"
    )
    retries: Integer = key(
        5,
        "how often a broken download is resumed",
        ge=0,
        le=1000,
        counts=EXECUTION,
        reruns="nothing",
    )


#: Of training, validation and test jets: the smallest fraction, and the fewest of a type.
LEAST_FRACTION, FEWEST_JETS = 1e-5, 3


class SplitConfig(Section):
    """Training, validation and test jets, where a shard does not say itself."""

    reruns: ClassVar[str] = "compute_correlators onward"

    seed: Integer = key(1, "seed of the hash that splits", ge=0, le=LARGEST_SEED)
    fractions: Annotated[
        tuple[Annotated[float, Strict(), Field(ge=0, le=1), AsNumber], ...],
        Field(min_length=3, max_length=3),
    ] = key((0.6, 0.1, 0.3), "training, validation and test fractions; they sum to 1")

    def mistakes(self) -> Iterator[Mistake]:
        """The fractions sum to 1."""
        total = sum(self.fractions)
        if abs(total - 1) > 1e-9:
            yield Mistake("fractions", f"a sum of {total:g}", "1")

    def empty_part(self, jets: int | None) -> tuple[str, str] | None:
        """What is wrong with the fractions for a run of the workflow, which needs all three parts.

        Parameters
        ----------
        jets : int, optional
            How many there will be of a type, where that is known.

        Returns
        -------
        found, expected : str
            None if each part will have jets.
        """
        if min(self.fractions) < LEAST_FRACTION:
            return (
                f"{list(self.fractions)}",
                f"at least {LEAST_FRACTION:g} of the jets in each part",
            )
        if jets is not None and min(self.fractions) * jets < FEWEST_JETS:
            return (
                f"{list(self.fractions)} of {jets} jets (shards times jets_per_shard)",
                f"about {FEWEST_JETS} jets or more in each part",
            )
        return None


class DataConfig(Section):
    """Which jets, from where."""

    max_particles: Integer = key(
        30,
        "particle slots of a jet; the hardest are kept",
        ge=2,
        le=255,
        reruns="everything",
    )
    jet_types: Annotated[dict[JetType, SourceConfig], Field(min_length=1)] = key(
        ..., "one entry per jet type (g, q, t, w, z)", reruns="nothing of the other types"
    )
    forkserver: Flag = key(
        False,
        "whether the jobs of shards are forked from one process, which has imported everything: for"
        " thousands of small shards",
        counts=EXECUTION,
        reruns="nothing",
    )
    shards_per_job: Annotated[Literal[1, 10, 100], AsInteger] = key(
        1,
        "shards that one job makes (pythia, jetnet), for thousands of small ones; numbers of shards"
        " are multiples of it",
        reruns="compute_correlators onward",
    )
    simulation: SimulationConfig = Field(default_factory=SimulationConfig)
    jetnet: JetNetConfig = Field(default_factory=JetNetConfig)
    split: SplitConfig = Field(default_factory=SplitConfig)

    def mistakes(self) -> Iterator[Mistake]:
        """Each source has what it needs, and whole groups of shards."""
        for name, about in self.jet_types.items():
            if missing := JET_SOURCES[about.source].missing(about):
                wanted = f"some for source {about.source!r}"
                yield Mistake(f"jet_types.{name}.{missing}", f"no {missing}", wanted)
            if JET_SOURCES[about.source].in_groups and about.shards % self.shards_per_job:
                wanted = f"a multiple of data.shards_per_job, which is {self.shards_per_job}"
                yield Mistake(f"jet_types.{name}.shards", str(about.shards), wanted)
        simulated = [about for about in self.jet_types.values() if about.source == "pythia"]
        jets = min((about.shards * about.jets_per_shard for about in simulated), default=None)
        if wrong := self.split.empty_part(jets):
            yield Mistake("split.fractions", *wrong)
        energy = self.simulation.energy
        for name, about in self.jet_types.items():
            low, _ = self.simulation.pt_hat.of_type(name)
            if about.source == "pythia" and low >= energy / 2:
                wanted = f"more than twice simulation.pt_hat.{name}, which begins at {low:g}"
                yield Mistake("simulation.energy", f"{energy:g}", wanted)
