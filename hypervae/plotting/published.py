"""Results on JetNet-30 that others published, each with its source: a table of data, no code.

They were measured on the real dataset (arXiv:2106.11535), by their authors, with their splits,
sample sizes and versions of jetnet: a frame for our numbers, not a competition by one protocol.

Numbers stand as printed, with the power of ten of their column written out; papers that print no
error get none here. What a source does not give is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: A value and its error, None where none is published.
Number = tuple[float, float | None]

_DISSERTATION = "R. Kansal's dissertation (github.com/rkansal47/dissertation, commit fdca65a)"
# Not compared with the papers themselves, and without the errors that those may give.
_SECOND_HAND = "as quoted in github.com/ArjunS07/s25-fermilab-research"
_QUOTED = f"{_SECOND_HAND}, report/jetnet30_method_table.tex (commit e0ad5ff)"
_QUOTED_FLOOR = f"{_SECOND_HAND}, report/paper_baselines_gluon30.csv (commit 2037b56)"


@dataclass(frozen=True)
class Published:
    """One model's published results.

    Parameters
    ----------
    name : str
    arxiv : str
        The paper.
    source : str
        Where exactly the numbers were read.
    values : mapping of str to mapping of str to Number
        By jet type and by the name of the metric as in `hypervae.evaluation.metrics`.
    """

    name: str
    arxiv: str
    source: str
    values: Mapping[str, Mapping[str, Number]]


PUBLISHED = (
    Published(
        "real jets (MPGAN paper)",
        "2106.11535",
        f"{_DISSERTATION}, reprint: table of W1 distances between two sets of 10,000 real jets; "
        "FPD and KPD (arXiv:2312.04757): table of evaluation metrics for different models, Truth",
        {
            "g": {
                "w1m": (0.7e-3, 0.2e-3),
                "w1p": (0.44e-3, 0.09e-3),
                "w1efp": (0.62e-5, 0.07e-5),
                "fpd": (0.14e-3, 0.04e-3),
                "kpd": (1.8e-6, 11.9e-6),
            },
            "q": {
                "w1m": (0.5e-3, 0.1e-3),
                "w1p": (0.5e-3, 0.1e-3),
                "w1efp": (0.46e-5, 0.04e-5),
                "fpd": (0.09e-3, 0.03e-3),
                "kpd": (-3e-6, 3e-6),
            },
            "t": {
                "w1m": (0.51e-3, 0.07e-3),
                "w1p": (0.55e-3, 0.07e-3),
                "w1efp": (1.1e-5, 0.1e-5),
            },
        },
    ),
    Published(
        "real jets (PC-JeDi paper)",
        "2303.05376",
        _QUOTED_FLOOR,
        {
            "g": {
                "w1m": (0.44e-3, None),
                "w1p": (0.41e-3, None),
                "fpnd": (0.01, None),
                "cov": (0.55, None),
                "mmd": (0.0367, None),
            },
            "t": {
                "w1m": (0.32e-3, None),
                "w1p": (0.40e-3, None),
                "fpnd": (0.01, None),
                "cov": (0.59, None),
                "mmd": (0.0713, None),
            },
        },
    ),
    Published(
        "MPGAN",
        "2106.11535",
        f"{_DISSERTATION}, reprint: table of six evaluation scores, generator MP, discriminator "
        "MP; FPD and KPD (arXiv:2312.04757): table of evaluation metrics for different models",
        {
            "g": {
                "w1m": (0.7e-3, 0.2e-3),
                "w1p": (0.9e-3, 0.3e-3),
                "w1efp": (0.7e-5, 0.2e-5),
                "fpnd": (0.12, None),
                "cov": (0.56, None),
                "mmd": (0.037, None),
                "fpd": (0.41e-3, 0.09e-3),
                "kpd": (0.0, 8e-6),
            },
            "q": {
                "w1m": (0.6e-3, 0.2e-3),
                "w1p": (4.9e-3, 0.5e-3),
                "w1efp": (0.7e-5, 0.4e-5),
                "fpnd": (0.35, None),
                "cov": (0.50, None),
                "mmd": (0.026, None),
                "fpd": (1.9e-3, 0.2e-3),
                "kpd": (1.7e-6, 15.1e-6),
            },
            "t": {
                "w1m": (0.6e-3, 0.2e-3),
                "w1p": (2.3e-3, 0.3e-3),
                "w1efp": (2e-5, 1e-5),
                "fpnd": (0.37, None),
                "cov": (0.57, None),
                "mmd": (0.071, None),
            },
        },
    ),
    Published(
        "EPiC-GAN",
        "2301.08128",
        _QUOTED,
        {
            "g": {"w1m": (0.3e-3, None), "w1p": (1.6e-3, None), "fpnd": (1.01, None)},
            "q": {"w1m": (0.5e-3, None), "w1p": (4.0e-3, None), "fpnd": (0.43, None)},
            "t": {"w1m": (0.5e-3, None), "w1p": (2.1e-3, None), "fpnd": (0.31, None)},
        },
    ),
    Published(
        "PC-JeDi (DDIM)",
        "2303.05376",
        _QUOTED,
        {
            "g": {
                "w1m": (0.90e-3, None),
                "w1p": (0.66e-3, None),
                "fpnd": (0.12, None),
                "cov": (0.54, None),
                "mmd": (0.0364, None),
            },
            "t": {
                "w1m": (1.48e-3, None),
                "w1p": (1.01e-3, None),
                "fpnd": (0.28, None),
                "cov": (0.59, None),
                "mmd": (0.0713, None),
            },
        },
    ),
    Published(
        "PC-JeDi (EM)",
        "2303.05376",
        _QUOTED,
        {
            "g": {
                "w1m": (0.57e-3, None),
                "w1p": (0.58e-3, None),
                "fpnd": (0.10, None),
                "cov": (0.54, None),
                "mmd": (0.0362, None),
            },
            "t": {
                "w1m": (1.36e-3, None),
                "w1p": (1.21e-3, None),
                "fpnd": (0.15, None),
                "cov": (0.59, None),
                "mmd": (0.0711, None),
            },
        },
    ),
    Published(
        "FPCD",
        "2304.01266",
        _QUOTED,
        {
            "g": {
                "w1m": (0.36e-3, None),
                "w1p": (0.34e-3, None),
                "fpnd": (0.07, None),
                "cov": (0.55, None),
                "mmd": (0.03, None),
            },
            "q": {
                "w1m": (0.52e-3, None),
                "w1p": (0.27e-3, None),
                "fpnd": (0.08, None),
                "cov": (0.49, None),
                "mmd": (0.02, None),
            },
            "t": {
                "w1m": (0.51e-3, None),
                "w1p": (0.41e-3, None),
                "fpnd": (0.17, None),
                "cov": (0.58, None),
                "mmd": (0.05, None),
            },
        },
    ),
    Published(
        "OmniLearn",
        "2404.16091",
        _QUOTED,
        {
            "g": {
                "w1m": (0.38e-3, None),
                "w1p": (0.33e-3, None),
                "fpnd": (0.02, None),
                "cov": (0.55, None),
                "mmd": (0.03, None),
            },
            "q": {
                "w1m": (0.24e-3, None),
                "w1p": (0.32e-3, None),
                "fpnd": (0.02, None),
                "cov": (0.54, None),
                "mmd": (0.02, None),
            },
            "t": {
                "w1m": (0.43e-3, None),
                "w1p": (0.30e-3, None),
                "fpnd": (0.04, None),
                "cov": (0.58, None),
                "mmd": (0.05, None),
            },
        },
    ),
)
