"""The hierarchical particle decoder: a scaffold of subjets, then the particles in its units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.data.jets import Jets
from hypervae.model.alike_groups import AlikeGroups
from hypervae.model.decoder.coordinates import LN_PTREL_RANGE, log_coordinates, squash_far_angles
from hypervae.model.decoder.interface import (
    LatentJets,
    NoiseSpec,
    ParticleDecoder,
    Particles,
    ReconstructedParticles,
)
from hypervae.model.flow_matching import on_path
from hypervae.model.inputs import JetBatch
from hypervae.model.layers import MLPHead, ResidualMLP, one_hot
from hypervae.model.noise import JetNoise
from hypervae.model.sampling_config import SamplingConfig
from hypervae.model.shape_flow import ShapeContext
from hypervae.model.solvers import integrate
from hypervae.model.trunks.registry import TRUNKS
from hypervae.normalization import Normalization
from hypervae.records import TensorRecord
from hypervae.scaffold.analysis import analyse
from hypervae.scaffold.assembly import assemble, jet_features
from hypervae.scaffold.coordinates import Layout, coordinates, parts_first
from hypervae.scaffold.geometry import scaffold_of
from hypervae.scaffold.moments import NUMBER as MOMENTS
from hypervae.scaffold.readings import number_of_readings, readings
from hypervae.scaffold.scores import NormalScores
from hypervae.scaffold.shapes import SlotTables
from hypervae.seeds import SPLITMIX_INCREMENT, splitmix64

# The solver's steps grow shorter towards the jet.
_TIME_POWER = 1.25
# In units of `model.radius`: scaffolds hold real jets' rare particles far out, too, and only what
# no jet has is squeezed.
_FARTHEST = 4.0
# Jets whose particles a CPU moves at once: the states of so many stay in its cache.
_CPU_JETS = 64


@dataclass
class ScaffoldTargets(TensorRecord):
    """Scaffolds of jets, and their particles in its units; see `ScaffoldedJets`.

    Attributes
    ----------
    coordinates : [B, D]
        NaN where a jet has no such number.
    offsets : [B, P, 2]
    ln_share : [B, P]
    multiplicities : [B, C] int64
    spread : [B, D]
        Uniform numbers that belong to the jet: they tell equal coordinates apart.
    """

    coordinates: Tensor
    offsets: Tensor
    ln_share: Tensor
    multiplicities: Tensor
    spread: Tensor


def layout_of(config: ModelConfig) -> Layout:
    """The scaffold that a config asks for.

    Parameters
    ----------
    config : ModelConfig

    Returns
    -------
    Layout
    """
    own = config.hierarchical
    return Layout(own.subjets, own.second_axes, own.jet_radius or None, own.borders, own.edge)


class HierarchicalParticles(ParticleDecoder):
    """Anchored dimensions of the latent vector are a scaffold; a flow makes the particles in it.

    The first dimensions of the latent vector are the normal scores of the scaffold's coordinates
    (`hypervae.scaffold`): mass, multiplicity, N-subjettiness ratios, the jet's pT and eta, and
    where the subjets are. Their posterior mean is what the jet has, their width is small. So a
    latent vector decodes to the same subjets each time, the learned prior over it draws scaffolds,
    and what is right in the margins of a coordinate is right in the jets. The particles start as
    noise and flow (arXiv:2210.02747) to their places in units of their subjets, given the latent
    vector; what the scaffold says then holds (`hypervae.scaffold.assembly`).

    The scaffold's own frame (node 1 along +x of node 0, node 2 at y > 0, the mirrors of the beam
    and of the azimuth) is one that any rotation of the jet about its axis takes along. Edges and
    hyperedges are decoded from rank and latent vector alone, which know no noise.

    Parameters
    ----------
    config : ModelConfig
        Its section ``hierarchical`` counts.
    normalization : Normalization
    types : int
    """

    decides_multiplicity = True
    decides_jet = True
    loss_terms = ("shapes",)
    default_solver = "ab2"

    def __init__(self, config: ModelConfig, normalization: Normalization, types: int):
        super().__init__(config, normalization, types)
        own = config.hierarchical
        self.slots, self.types = normalization.max_particles, types
        self.layout, self.draws, self.radius = layout_of(config), own.draws, config.radius
        self.anchored = self.anchored_dims(config)
        self.anchor_width = own.anchor_width
        self.noise = {"shapes": NoiseSpec((self.slots, 3))}
        self.scores = NormalScores(self.layout, types)
        self.tables = SlotTables(self.layout.cells, self.slots, types)
        channels = self.anchored + config.latent_dim + types
        self.network = TRUNKS[own.trunk](self.tables, channels, config)
        hidden, self.scalars = config.hidden, config.scalar_channels
        self.rank = nn.Embedding(self.slots, hidden)
        self.slot_scalars = MLPHead(
            ResidualMLP(2 * hidden, hidden, dropout=config.dropout),
            nn.GELU(),
            nn.Linear(hidden, self.scalars),
        )

    @property
    def alike(self) -> AlikeGroups:
        """The coordinates of the second axes, the same for each subjet, and an order of all."""
        number, size = self.layout.alike
        order, within = parts_first(self.layout)
        return AlikeGroups(self.anchored - number * size, number, size, order, within)

    @classmethod
    def anchored_dims(cls, config: ModelConfig) -> int:
        """Coordinates of a scaffold."""
        return len(coordinates(layout_of(config)))

    @classmethod
    def reading_dims(cls, config: ModelConfig) -> int:
        """Of the cells of a scaffold; see `hypervae.scaffold.readings`."""
        return number_of_readings(layout_of(config))

    @classmethod
    def moment_dims(cls, config: ModelConfig) -> int:
        """Of a scaffold; see `hypervae.scaffold.moments`."""
        return MOMENTS

    def readings(self, latent: Tensor, jet_type: Tensor) -> Tensor:
        """Those of the scaffolds that the latent vectors stand for."""
        values = self.scores.inverse(latent[:, : self.anchored], jet_type)
        return readings(scaffold_of(values, self.layout, self.slots)).to(latent)

    @classmethod
    def targets(
        cls, jets: Jets, config: ModelConfig, keys: NDArray[np.uint64], dtype: torch.dtype
    ) -> ScaffoldTargets:
        """Scaffolds of jets; see `ParticleDecoder.targets`."""
        found = analyse(jets.particle_features, jets.jet_features, layout_of(config))
        column = np.arange(1, found.coordinates.shape[1] + 1, dtype=np.uint64)
        places = keys[:, None] + column * np.uint64(SPLITMIX_INCREMENT)
        words = splitmix64(places.astype(np.uint64))
        spread = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
        return ScaffoldTargets(
            coordinates=torch.from_numpy(found.coordinates).to(dtype),
            offsets=torch.from_numpy(found.offsets).to(dtype),
            ln_share=torch.from_numpy(found.ln_share).to(dtype),
            multiplicities=torch.from_numpy(found.multiplicities),
            spread=torch.from_numpy(spread).to(dtype),
        )

    def anchors(self, target: JetBatch) -> Tensor:
        """[B, anchored] normal scores of the coordinates of the jets' scaffolds."""
        known = _targets_of(target)
        return self.scores(known.coordinates, target.jet_type, known.spread)

    def fit(self, batches: Iterable[JetBatch]) -> None:
        """Take the tables of coordinates and slots from the training jets."""
        parts: dict[int, list[ScaffoldTargets]] = {}
        for batch in batches:
            known = _targets_of(batch).to("cpu")
            for index in batch.jet_type.unique().tolist():
                parts.setdefault(index, []).append(known[batch.jet_type.cpu() == index])
        for index, some in parts.items():
            columns = zip(*(part.tensors() for part in some), strict=True)
            values, offsets, ln_share, multiplicities, _ = (
                torch.cat(part).numpy() for part in columns
            )
            self.scores.fit(values.astype(np.float64), index, seed=index)
            self.tables.fit(offsets, ln_share, multiplicities, index)

    def decode(
        self, jets: LatentJets, noise: Mapping[str, Tensor], sampling: SamplingConfig
    ) -> Particles:
        """See `ParticleDecoder.decode`; the noise is where the shapes start."""
        values = self.scores.inverse(jets.latent[:, : self.anchored], jets.jet_type)
        scaffold = scaffold_of(values, self.layout, self.slots)
        context = ShapeContext.of(scaffold, jets.jet_type, self.slots, values.dtype)
        points = self._flow(
            noise["shapes"] * context.free, self._condition(jets), context, sampling
        )
        shapes = self.tables.shapes(points, context.slots, scaffold.multiplicities, jets.jet_type)
        made, mask = assemble(scaffold, *shapes, self.layout)
        angles = squash_far_angles(made[..., :2], _FARTHEST * self.radius)
        ln_ptrel = made[..., 2:].clamp(*LN_PTREL_RANGE)
        return Particles(
            torch.cat([angles, ln_ptrel], dim=-1),
            mask.to(made.dtype),
            jet=jet_features(scaffold),
        )

    def _flow(
        self, start: Tensor, condition: Tensor, context: ShapeContext, sampling: SamplingConfig
    ) -> Tensor:
        """[B, P, 3] scores of the shapes, from noise."""
        size = _CPU_JETS if start.device.type == "cpu" else max(len(start), 1)
        size *= 1 + sampling.rounds  # states are half as large

        def moved(start: Tensor, condition: Tensor, context: ShapeContext) -> Tensor:
            return integrate(
                lambda points, time: self.network(points, time, condition, context),
                start,
                solver=sampling.solver or self.default_solver,
                evaluations=sampling.evaluations,
                power=_TIME_POWER,
                by_angle=True,
            )

        parts = zip(start.split(size), condition.split(size), context.split(size), strict=True)
        with sampling.rounding(start.device.type):
            return torch.cat([moved(*part) for part in parts])

    def reconstruct(
        self, jets: LatentJets, target: JetBatch, given: Mapping[str, Tensor], noise: JetNoise
    ) -> ReconstructedParticles:
        """The matching error of the shapes at random times, in the scaffold of the target.

        Parameters
        ----------
        jets, target, given, noise
            See `ParticleDecoder.reconstruct`.

        Returns
        -------
        ReconstructedParticles
            The particles are those of the target, whose scaffold is given; ``losses``: ``shapes``,
            squared error of the velocity, mean over its free numbers and over times.
        """
        known = _targets_of(target)
        with torch.autocast(known.coordinates.device.type, enabled=False):
            scaffold = scaffold_of(known.coordinates.nan_to_num(), self.layout, self.slots)
            context = ShapeContext.of(
                scaffold, target.jet_type, self.slots, known.coordinates.dtype
            )
            goal = self.tables.scores(
                known.offsets, known.ln_share, context.slots, known.multiplicities, target.jet_type
            )
            batch, draws = len(goal), self.draws
            shift = noise.uniform(draws * batch, like=goal).view(draws, batch)
            # one time from each of `draws` equal parts of [0, 1]
            parts = torch.arange(draws, device=goal.device).unsqueeze(1)
            time = ((shift + parts) / draws).flatten()
            start = noise.normal(draws * batch, *goal.shape[1:], like=goal)
            start = torch.cat([given["shapes"].to(goal.dtype), start[batch:]])
            goals, condition = goal.repeat(draws, 1, 1), self._condition(jets).repeat(draws, 1)
            contexts = context.repeat(draws)
            points, wanted = on_path(start * contexts.free, goals, time)
        velocity = self.network(points, time, condition.to(goal.dtype), contexts)
        error = (velocity - wanted).square().sum((1, 2)).view(draws, batch).mean(0)
        return ReconstructedParticles(
            log_coordinates(target.coordinates),
            target.mask.to(goal.dtype),
            jet=jet_features(scaffold),
            losses={"shapes": error / context.free.sum((1, 2)).clamp_min(1.0)},
            estimated=True,
        )

    def _condition(self, jets: LatentJets) -> Tensor:
        label = one_hot(jets.jet_type, self.types, jets.latent.dtype)
        return torch.cat([jets.latent, label], dim=-1)

    def scalars_of(self, made: Particles, jets: LatentJets, noise: JetNoise | None) -> Tensor:
        """From the ranks and the states of the jets; see `ParticleDecoder.scalars_of`."""
        ranks = self.rank.weight.expand(len(jets.state), -1, -1)
        state = jets.state.unsqueeze(1).expand(-1, self.slots, -1)
        scalars: Tensor = self.slot_scalars(torch.cat([ranks, state], dim=-1), noise)
        return scalars


def _targets_of(batch: JetBatch) -> ScaffoldTargets:
    known = batch.particle_targets
    if not isinstance(known, ScaffoldTargets):
        raise TypeError("the batch holds no scaffolds: make it with the model's `batch`")
    return known
