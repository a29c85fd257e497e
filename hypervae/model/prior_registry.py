"""The priors of the latent vectors. Nothing here needs torch.

A further one is a class that implements `hypervae.model.prior.Prior` and a line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypervae.registry import Registry

if TYPE_CHECKING:
    from hypervae.model.prior import Prior

#: What latent vectors are drawn from.
PRIORS: Registry[type[Prior]] = Registry(
    "prior",
    {
        "normal": "hypervae.model.prior:StandardNormal",
        "gaussian": "hypervae.model.prior:GaussianPrior",
        "flow": "hypervae.model.prior:FlowPrior",
        "autoregressive": "hypervae.model.autoregressive:AutoregressivePrior",
    },
)
