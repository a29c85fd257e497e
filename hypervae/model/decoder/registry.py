"""The particle decoders: what each is, where it is, and its settings. Nothing here needs torch.

A further one is a module that implements `hypervae.model.decoder.interface.ParticleDecoder`, a line
in `PARTICLE_DECODERS` and, where it has settings, a section of its name in `DecoderSections`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from hypervae.config.base import (
    Flag,
    Integer,
    Mistake,
    Number,
    OneOf,
    Section,
    Text,
    key,
)
from hypervae.config.decisive import where
from hypervae.model.trunks.registry import TRUNKS
from hypervae.registry import Registry
from hypervae.scaffold.edges.registry import EDGES

if TYPE_CHECKING:
    from hypervae.model.decoder.interface import ParticleDecoder

#: What makes the particles of a jet.
PARTICLE_DECODERS: Registry[type["ParticleDecoder"]] = Registry(
    "particle decoder",
    {
        "one_shot": (
            "hypervae.model.decoder.one_shot:OneShotParticles",
            "all particles at once",
        ),
        "flow": (
            "hypervae.model.decoder.flow:FlowParticles",
            "conditional flow matching, arXiv:2210.02747; its solver: midpoint",
        ),
        "hierarchical": (
            "hypervae.model.decoder.hierarchical:HierarchicalParticles",
            "subjets first, which z carries, then particles in their units by a flow; its "
            "solver: ab2",
        ),
    },
)


class DecoderConfig(Section):
    """Settings of a particle decoder."""

    reruns: ClassVar[str] = "train_model onward"

    #: Whether the decoder anchors dimensions of the latent vector, with which a model may do
    #: without an encoder.
    anchors: ClassVar[bool] = False


class OneShotConfig(DecoderConfig):
    """The one-shot decoder's loss."""

    distance: Literal["squared", "plain", "hyperbolic"] = key(
        "squared",
        "distance within the Chamfer term: d^2 (squared), d (plain), or arcosh(1 + alpha d^2) "
        "(hyperbolic)",
    )
    alpha: Number = key(
        1.0,
        "alpha of the hyperbolic distance",
        ge=1e-6,
        le=1e6,
        counts=where(distance=["hyperbolic"]),
    )
    pt_weighted: Flag = key(False, "particles count by their share of the pT in the Chamfer term")


class HierarchicalConfig(DecoderConfig):
    """The hierarchical decoder: a scaffold of subjets, carried by z, and a flow in its units."""

    anchors: ClassVar[bool] = True

    subjets: Integer = key(3, "exclusive kT subjets of the scaffold", ge=2, le=8)
    second_axes: Flag = key(
        True, "a second axis in each subjet of at least three particles, where they gather, too"
    )
    jet_radius: Number = key(
        0.0,
        "radius of the jets' clustering: lengths are unfolded near it, so that generated jets end "
        "there, too; 0: not",
        ge=0,
        le=10,
    )
    edge: Annotated[Text, OneOf(lambda: EDGES)] = key(
        "isotropic", f"how lengths are unfolded near the radius: {EDGES.meanings}"
    )
    borders: Flag = key(
        False,
        "lengths are unfolded near the border of two subjets, so that generated particles stay "
        "nearest to the axis of their own",
    )
    anchor_width: Number = key(
        0.03, "posterior width of the latent dimensions that are the scaffold", ge=1e-6, lt=1
    )
    trunk: Annotated[Text, OneOf(lambda: TRUNKS)] = key(
        "transformer", f"network that moves the particles: {TRUNKS.meanings}"
    )
    width: Integer = key(64, "channels of a particle in the trunk", ge=4, le=8192)
    blocks: Integer = key(
        4, "transformer blocks", ge=1, le=100, counts=where(trunk=["transformer"])
    )
    heads: Integer = key(
        2, "attention heads of the transformer", ge=1, le=256, counts=where(trunk=["transformer"])
    )
    draws: Integer = key(
        2, "times and noises for each encoded jet and training step", ge=1, le=1000
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Heads share the channels."""
        if self.width % self.heads:
            yield Mistake("heads", str(self.heads), f"a divisor of width ({self.width})")


class DecoderSections(Section):
    """Settings of the particle decoders, of each in the section of its name."""

    one_shot: OneShotConfig = Field(
        default_factory=OneShotConfig, json_schema_extra={**where(decoder=["one_shot"])}
    )
    hierarchical: HierarchicalConfig = Field(
        default_factory=HierarchicalConfig, json_schema_extra={**where(decoder=["hierarchical"])}
    )
