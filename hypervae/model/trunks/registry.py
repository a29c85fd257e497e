"""The trunks by name. Nothing here needs torch.

A further one is a module with a `hypervae.model.shape_flow.ShapeNetwork` and a line here.
"""

from typing import TYPE_CHECKING

from hypervae.registry import Registry

if TYPE_CHECKING:
    from hypervae.model.shape_flow import ShapeNetwork

#: What moves the particles in the frame of their jet.
TRUNKS: Registry[type["ShapeNetwork"]] = Registry(
    "trunk",
    {
        "transformer": (
            "hypervae.model.trunks.transformer:TransformerShapes",
            "the fastest",
        ),
        "lgatr": (
            "hypervae.model.trunks.lorentz:LorentzShapes",
            "the slim or the full network of model.lgatr, on momenta",
        ),
    },
)
