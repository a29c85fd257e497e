"""Consistency of decoded edges with those of the decoded particles.

Edges are trained by a squared error each, which gives means, and these spread less than the truth:
so they follow the particles, which get no gradient. `hypervae.model.hyperedges.consistency` is the
same for hyperedges.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypervae.correlators.geometry import pair_indices
from hypervae.model.decoder.interface import Decoded
from hypervae.model.losses.histogram import ScaledBins, feature_distance
from hypervae.model.losses.recomputed import edge_features
from hypervae.normalization import Normalization


class EdgeConsistency(nn.Module):
    """Distribution over the pairs of slots in use of each edge feature: decoded, and recomputed.

    The edge head is trained by the squared error of each pair, which gives means; this term asks
    for the spread that the particles have. It trains the edge head, and what that reads.

    Parameters
    ----------
    normalization : Normalization
    """

    first: Tensor
    second: Tensor
    ln_e2c: Tensor
    offset: Tensor
    scale: Tensor

    def __init__(self, normalization: Normalization):
        super().__init__()
        self.binning = normalization.binning
        self.bins = ScaledBins.of(normalization.method)
        self.jet_offset = float(normalization.jet.offset[0])
        self.jet_scale = float(normalization.jet.scale[0])
        first, second = pair_indices(normalization.max_particles)
        for name, values in {
            "first": first,
            "second": second,
            "ln_e2c": normalization.ln_e2c,
            "offset": normalization.edge.offset,
            "scale": normalization.edge.scale,
        }.items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def forward(self, decoded: Decoded) -> Tensor:
        """Distance of the decoded from the recomputed edges.

        Parameters
        ----------
        decoded : Decoded

        Returns
        -------
        [B]
            Mean over the features of the Cramer distance, in scaled units; 0 without pairs.
        """
        coordinates = decoded.log_coordinates.detach()
        real = coordinates.dtype
        # (the jet's pT only sets the unit of kT and m^2)
        ln_jet_pt = decoded.jet[:, 0].detach() * self.jet_scale + self.jet_offset
        values = edge_features(
            coordinates,
            ln_jet_pt,
            self.first,
            self.second,
            self.ln_e2c.to(real),
            self.binning.ln_low,
            self.binning.ln_width,
        )
        recomputed = (values - self.offset.to(real)) / self.scale.to(real)
        used = decoded.presence > 0.5
        pairs = (used[:, self.first] & used[:, self.second]).to(real)
        weights = pairs / pairs.sum(1, keepdim=True).clamp_min(1)
        return feature_distance(decoded.hypergraph()[0], recomputed, weights, self.bins)
