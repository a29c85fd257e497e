"""All terms of the loss: each a mean over jets of a per-jet value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hypervae.errors import ConfigError
from hypervae.model.decoder.interface import Decoded
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.inputs import JetBatch
from hypervae.model.losses.chamfer import chamfer
from hypervae.model.losses.edge_consistency import EdgeConsistency
from hypervae.model.losses.kl import kl_divergence
from hypervae.model.losses.squares import masked_mse
from hypervae.model.losses.sums import sum_loss
from hypervae.normalization import Normalization

TERMS = (
    "particle",
    "edge",
    "hyperedge",
    "jet_features",
    "multiplicity",
    "sum",
    "edge_consistency",
    "hyperedge_consistency",
    "kl",
)
_HALF = (torch.float16, torch.bfloat16)


def _full_precision(value: Tensor) -> Tensor:
    """The same tensor, in float32 if it is in half precision."""
    return value.float() if value.dtype in _HALF else value


class LossTerms(nn.Module):
    """The terms of the loss, unweighted.

    Each is the mean over jets of a value that depends on that jet alone, so that the loss of a
    batch is the mean of those of its parts. Terms of particles that are an estimate (a flow's, in
    training) are weighted per jet by `Decoded.weight`. The consistency terms are 0 where their
    weight is 0: they are not computed then.

    Parameters
    ----------
    normalization : Normalization
    config : mapping
        The resolved ``train`` section: ``loss_weights``, ``chamfer``, ``chamfer_alpha``,
        ``chamfer_pt_weighted`` and ``free_bits``.
    hyperedge_decoder : str
        Mode of the model's hyperedge decoder, without ``auto``.

    Raises
    ------
    ConfigError
        If all weights are 0.
    """

    def __init__(
        self, normalization: Normalization, config: Mapping[str, Any], hyperedge_decoder: str
    ):
        super().__init__()
        self.weights = dict(config["loss_weights"])
        if not any(self.weights.values()):
            raise ConfigError("train.loss_weights: all weights are 0, so nothing would be trained")
        self.kind, self.alpha = config["chamfer"], config["chamfer_alpha"]
        self.pt_weighted, self.free_bits = config["chamfer_pt_weighted"], config["free_bits"]
        # The Chamfer distance is in units of the widths of (etarel, phirel, ln ptrel).
        scale = torch.tensor(normalization.particle.scale, dtype=torch.float64)
        self.register_buffer("particle_scale", scale, persistent=False)
        self.edge_consistency = EdgeConsistency(normalization)
        self.hyperedge_mode = HYPEREDGE_MODES[hyperedge_decoder]
        self.hyperedge_consistency = self.hyperedge_mode.consistency(normalization)

    def forward(
        self, decoded: Decoded, batch: JetBatch, mean: Tensor, log_variance: Tensor
    ) -> dict[str, Tensor]:
        """Compute the terms, in float32 at least, also under autocast.

        Parameters
        ----------
        decoded : Decoded
        batch : JetBatch
        mean, log_variance : [B, latent_dim]

        Returns
        -------
        dict
            A scalar for each of `TERMS`.
        """
        with torch.autocast(mean.device.type, enabled=False):
            decoded, batch = decoded.map(_full_precision), batch.map(_full_precision)
            mean, log_variance = _full_precision(mean), _full_precision(log_variance)
            per_jet = {
                "particle": self._particle(decoded, batch),
                "edge": masked_mse(decoded.edges, batch.edges, batch.edge_mask),
                "hyperedge": self.hyperedge_mode.loss(decoded.hyperedges, batch.hyperedge_targets),
                "jet_features": (decoded.jet - batch.jet).square().mean(-1),
                "multiplicity": functional.cross_entropy(
                    decoded.multiplicity_logits, batch.mask.sum(1) - 1, reduction="none"
                ),
                **self._of_particles(decoded, batch),
                "kl": kl_divergence(mean, log_variance, self.free_bits),
            }
            return {name: per_jet[name].mean() for name in TERMS}

    def _particle(self, decoded: Decoded, batch: JetBatch) -> Tensor:
        if decoded.matching is not None:
            return decoded.matching
        ptrel = batch.coordinates[..., 2]
        log_ptrel = ptrel.clamp_min(1e-7).log().unsqueeze(-1)
        target = torch.cat([batch.coordinates[..., :2], log_ptrel], dim=-1)
        scale = self.particle_scale.to(target.dtype)
        weights = {}
        if self.pt_weighted:
            weights = {
                "predicted_weight": decoded.coordinates[..., 2].exp(),
                "target_weight": ptrel,
            }
        return chamfer(
            decoded.coordinates / scale,
            decoded.presence,
            target / scale,
            batch.mask,
            kind=self.kind,
            alpha=self.alpha,
            **weights,
        )

    def _of_particles(self, decoded: Decoded, batch: JetBatch) -> dict[str, Tensor]:
        """Terms that read the decoded particles' coordinates as they are."""
        angles, ln_ptrel = decoded.coordinates.split([2, 1], dim=-1)
        points = torch.cat([angles, ln_ptrel.exp()], dim=-1)
        values = {"sum": sum_loss(points, decoded.presence, batch.coordinates, batch.mask)}
        nothing = torch.zeros_like(values["sum"])
        values["edge_consistency"] = (
            self.edge_consistency(decoded) if self.weights["edge_consistency"] else nothing
        )
        values["hyperedge_consistency"] = (
            self.hyperedge_consistency(decoded, batch.hyperedge_targets)
            if self.weights["hyperedge_consistency"]
            else nothing
        )
        if decoded.weight is not None:
            values = {name: value * decoded.weight for name, value in values.items()}
        return values


def total_loss(terms: Mapping[str, Tensor], weights: Mapping[str, float], kl: float) -> Tensor:
    """Weighted sum of the terms; `kl` scales the weight of the KL term (its annealing).

    A term of weight 0 does not enter, so that it cannot spoil the sum by being infinite.
    """
    return sum(
        weights[name] * (kl if name == "kl" else 1.0) * value
        for name, value in terms.items()
        if weights[name]
    )
