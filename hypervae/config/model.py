"""The architecture."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from hypervae.config.base import Flag, Integer, Mistake, Number, OneOf, Text, Unique, key
from hypervae.config.decisive import SET, where
from hypervae.config.names import hyperedge_modes, priors
from hypervae.model.decoder.registry import PARTICLE_DECODERS, DecoderConfig, DecoderSections

HyperedgeMode = Annotated[Text, OneOf(hyperedge_modes)]


class ModelConfig(DecoderSections):
    """The architecture; docs/model.md explains the keys."""

    reruns: ClassVar[str] = "train_model onward"

    latent_dim: Integer = key(
        32,
        "dimensions of the latent space that the encoder learns; 0: there is no encoder, and those "
        "that the decoder anchors are all",
        ge=0,
        le=4096,
    )
    lgatr: Literal["slim", "full"] = key(
        "slim",
        "L-GATr with vectors and scalars only (slim, fast on CPUs) or full multivectors",
    )
    blocks: Integer = key(2, "L-GATr blocks, in the encoder and in the decoder", ge=1, le=100)
    vector_channels: Integer = key(8, "vector (slim) or multivector (full) channels", ge=1, le=4096)
    scalar_channels: Integer = key(32, "scalar channels", ge=1, le=4096)
    heads: Integer = key(4, "attention heads, in L-GATr and in the cross-attention", ge=1, le=256)
    sparse_gp: Flag = key(
        False,
        "full L-GATr: sparse geometric products; off is faster on CPUs",
        counts=where(lgatr=["full"]),
    )
    sparse_linear: Flag = key(
        True, "full L-GATr: sparse linear maps; on is faster on CPUs", counts=where(lgatr=["full"])
    )
    references: Annotated[tuple[Literal["time", "beam", "axis"], ...], Unique] = key(
        ("time", "beam"),
        "reference vectors of the encoder; time and beam leave the rotations about the beam, time "
        "all rotations, beam SO(1,2), none the whole group, with axis (needs both) nothing",
        counts=SET,
    )
    condition: Annotated[tuple[Literal["jet_type", "jet_features"], ...], Unique] = key(
        ("jet_type", "jet_features"),
        "what the encoder is told beside particles, edges and hyperedges",
        counts=SET,
    )
    encoder_reads: Annotated[tuple[Literal["edges", "hyperedges"], ...], Unique] = key(
        ("edges", "hyperedges"),
        "what the encoder reads beside the particles; what is left out has no network in it",
        counts=SET,
    )
    cross_attention: Flag = key(
        True, "particles and edges, and particles and hyperedges, attend to each other"
    )
    edge_width: Integer = key(32, "width of the edge MLPs", ge=1, le=4096)
    hyperedge_width: Integer = key(64, "width of the hyperedge MLPs", ge=1, le=4096)
    token_blocks: Integer = key(1, "residual blocks of the edge and hyperedge MLPs", ge=0, le=100)
    hyperedge_encoder: HyperedgeMode = key(
        "auto",
        "how the encoder reads hyperedges (docs/model.md); auto: attention below 100 of them, else "
        "mlp on CUDA and binned on a CPU",
    )
    hyperedge_decoder: HyperedgeMode = key(
        "auto", "how the decoder predicts hyperedges; auto as for the encoder"
    )
    hyperedge_samples: Integer = key(
        1024,
        "sets that sampled draws per jet",
        ge=1,
        le=10**6,
        counts=where(hyperedge_encoder=["sampled"], hyperedge_decoder=["sampled"]),
    )
    hyperedge_chunk: Integer = key(
        1024, "sets of each jet that chunked takes at once", ge=1, le=10**6
    )
    hyperedge_window: Integer = key(
        32,
        "sets in a window of sparse; each attends to its own window and its neighbours",
        ge=1,
        le=10**6,
        counts=where(hyperedge_encoder=["sparse"], hyperedge_decoder=["sparse"]),
    )
    hyperedge_log_weight: Flag = key(
        True, "the encoder sees ln w of a hyperedge (the mean over those of a token)"
    )
    hyperedge_weight_sum: Flag = key(
        True, "the encoder sees the logarithm of the sum of w of a token"
    )
    decoder: Annotated[Text, OneOf(lambda: PARTICLE_DECODERS)] = key(
        "one_shot",
        f"particle decoder: {PARTICLE_DECODERS.meanings}",
    )
    prior: Annotated[Text, OneOf(priors)] = key(
        "normal",
        "prior of the latent vectors: standard normal, or fitted on the encoder's posterior: a "
        "gaussian with its covariance, a small flow, or one dimension after the other "
        "(autoregressive)",
    )
    prior_width: Integer = key(
        0,
        "width of a learned prior's networks: wider ones want more jets; 0: as hidden",
        ge=0,
        le=8192,
    )
    prior_order: Literal["listed", "parts_first"] = key(
        "listed",
        "order in which the autoregressive prior draws the scaffold's numbers: as they are listed, "
        "or the parts before what they add up to",
        counts=where(prior=["autoregressive"]),
    )
    hidden: Integer = key(128, "width of the fusion and of the decoder's MLPs", ge=1, le=8192)
    radius: Number = key(
        0.8, "largest decoded distance of a particle from the jet axis", ge=0.01, le=10
    )
    prior_networks: Integer = key(
        1,
        "networks of the autoregressive prior, whose densities are averaged; each takes the time "
        "of a step again",
        ge=1,
        le=100,
        counts=where(prior=["autoregressive"]),
    )
    prior_acceptance: Integer = key(
        0,
        "networks that learn which draws of a learned prior to keep: what tells them from the "
        "jets' latent vectors and what follows from these; 0: all are kept",
        ge=0,
        le=100,
        counts=where(prior=["gaussian", "flow", "autoregressive"]),
    )
    dropout: Number = key(0.0, "dropout probability", ge=0, lt=1)

    def mistakes(self) -> Iterator[Mistake]:
        """An axis is broken down to nothing with both other vectors alone."""
        if "axis" in self.references and not {"time", "beam"} <= set(self.references):
            yield Mistake("references", str(list(self.references)), "time and beam beside axis")
        own = getattr(self, self.decoder, None)
        if self.latent_dim == 0 and not (isinstance(own, DecoderConfig) and own.anchors):
            yield Mistake("latent_dim", "0", f"at least 1 for decoder {self.decoder}")
