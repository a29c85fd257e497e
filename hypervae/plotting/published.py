"""Results on JetNet that others published, each with its source: a table of data, no code.

They were measured on the real dataset (arXiv:2106.11535), by their authors, with their splits,
sample sizes and versions of jetnet: a frame for our numbers, not a competition by one protocol.

Numbers stand as printed, with the power of ten of their column written out; papers that print no
error get none here. What a source does not give is left out. Where an author's own table and a
quotation give the same number, it is the author's. W1 of tau21, tau32 and D2, which some print, is
left out: its axes are not those of `hypervae.observables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: A value and its error, None where none is published.
Number = tuple[float, float | None]

_DISSERTATION = "R. Kansal's dissertation (github.com/rkansal47/dissertation, commit fdca65a)"
_THESIS = "M. Leigh's thesis (github.com/mattcleigh/PhD_Thesis, commit 524bc65)"
_THESIS_30 = f"{_THESIS}, Figures/jet_generation/droid/30/metrics30.tex"
_THESIS_150 = f"{_THESIS}, Figures/jet_generation/droid/150/metrics150.tex"
_JEDI = f"{_THESIS}, Figures/jet_generation/jedi/table.tex"
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
    particles : int
        The hardest so many of a jet: 30 or 150, the two versions of the dataset.
    headline : bool
        Whether a short table shows it: first-hand numbers with errors, by one protocol.
    """

    name: str
    arxiv: str
    source: str
    values: Mapping[str, Mapping[str, Number]]
    particles: int = 30
    headline: bool = False


def _printed(
    fpnd: float | None,
    w1p: tuple[float, float] | None,
    w1efp: tuple[float, float],
    w1m: tuple[float, float],
) -> dict[str, Number]:
    """A row of the tables in Leigh's thesis, in the order of its columns and in their units."""
    found: dict[str, Number] = {} if fpnd is None else {"fpnd": (fpnd, None)}
    columns = {"w1p": (w1p, 1e-4), "w1efp": (w1efp, 1e-6), "w1m": (w1m, 1e-4)}
    for name, (number, unit) in columns.items():
        if number is not None:
            found[name] = (number[0] * unit, number[1] * unit)
    return found


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
        "real jets (PC-Droid paper)",
        "2307.06836",
        f"{_THESIS_30}, Pythia; Cov, MMD: of the PC-JeDi paper (2303.05376), {_QUOTED_FLOOR}",
        {
            "g": _printed(0.01, (3.54, 1.19), (4.07, 1.27), (4.39, 1.59))
            | {"cov": (0.55, None), "mmd": (0.0367, None)},
            "t": _printed(0.01, (3.98, 1.27), (8.07, 3.51), (3.23, 1.07))
            | {"cov": (0.59, None), "mmd": (0.0713, None)},
        },
        headline=True,
    ),
    Published(
        "PC-Droid",
        "2307.06836",
        f"{_THESIS_30}; conditions (pT, eta, mass, number of particles) taken from real jets",
        {
            "g": _printed(0.01, (3.66, 1.07), (4.13, 1.61), (4.48, 1.47)),
            "t": _printed(0.02, (5.02, 1.59), (11.59, 3.29), (4.27, 1.39)),
        },
        headline=True,
    ),
    Published(
        "MPGAN (by the authors of PC-Droid)",
        "2106.11535",
        f"{_THESIS_30}, MPGAN",
        {
            "g": _printed(0.13, (10.26, 1.51), (8.76, 2.44), (8.15, 2.10)),
            "t": _printed(0.36, (21.73, 2.02), (12.80, 4.89), (6.41, 2.09)),
        },
        headline=True,
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
        f"{_JEDI}; W1P, Cov, MMD: {_QUOTED}; conditions (pT, mass) taken from real jets",
        {
            "g": _printed(0.12, None, (5.10, 0.99), (9.04, 1.77))
            | {"w1p": (0.66e-3, None), "cov": (0.54, None), "mmd": (0.0364, None)},
            "t": _printed(0.28, None, (41.21, 5.61), (14.82, 3.21))
            | {"w1p": (1.01e-3, None), "cov": (0.59, None), "mmd": (0.0713, None)},
        },
    ),
    Published(
        "PC-JeDi (EM)",
        "2303.05376",
        f"{_THESIS_30}; Cov, MMD: {_QUOTED}; conditions (pT, mass) taken from real jets",
        {
            "g": _printed(0.10, (5.83, 1.44), (5.68, 1.09), (5.66, 1.51))
            | {"cov": (0.54, None), "mmd": (0.0362, None)},
            "t": _printed(0.15, (12.07, 2.01), (35.61, 4.92), (13.64, 3.21))
            | {"cov": (0.59, None), "mmd": (0.0711, None)},
        },
        headline=True,
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
    Published(
        "real jets, 150 particles",
        "2307.06836",
        f"{_THESIS_150}, Pythia",
        {
            "g": _printed(0.01, (3.88, 1.24), (10.66, 3.30), (6.04, 2.18)),
            "q": _printed(0.01, (4.87, 1.98), (7.38, 2.13), (4.54, 1.69)),
            "t": _printed(0.01, (3.03, 0.78), (14.77, 5.61), (3.96, 0.94)),
            "w": _printed(None, (3.86, 1.16), (1.87, 0.51), (1.73, 0.47)),
            "z": _printed(None, (4.12, 1.57), (2.10, 0.54), (2.19, 0.77)),
        },
        particles=150,
        headline=True,
    ),
    Published(
        "PC-Droid, 150 particles",
        "2307.06836",
        f"{_THESIS_150}; conditions (pT, eta, mass, number of particles) taken from real jets",
        {
            "g": _printed(0.01, (3.69, 1.35), (10.30, 4.36), (5.26, 2.43)),
            "q": _printed(0.01, (5.96, 1.76), (6.13, 1.91), (4.42, 1.86)),
            "t": _printed(0.01, (5.45, 1.70), (15.41, 5.38), (3.60, 1.20)),
            "w": _printed(None, (3.32, 0.98), (1.49, 0.38), (1.72, 0.75)),
            "z": _printed(None, (3.90, 1.32), (2.01, 0.67), (1.95, 0.52)),
        },
        particles=150,
        headline=True,
    ),
    Published(
        "FPCD, 150 particles",
        "2304.01266",
        f"{_THESIS_150}",
        {
            "g": _printed(0.03, (5.14, 1.45), (14.59, 4.37), (5.51, 2.53)),
            "q": _printed(0.03, (5.32, 1.86), (5.99, 1.81), (7.28, 2.12)),
            "t": _printed(0.15, (4.36, 1.28), (26.11, 6.30), (6.44, 2.57)),
            "w": _printed(None, (3.53, 1.06), (2.02, 0.58), (2.97, 0.41)),
            "z": _printed(None, (4.66, 1.35), (2.59, 0.61), (2.97, 0.53)),
        },
        particles=150,
        headline=True,
    ),
    Published(
        "EPiC-GAN, 150 particles",
        "2301.08128",
        f"{_THESIS_150}",
        {
            "g": _printed(0.54, (32.22, 1.83), (12.72, 4.14), (5.00, 1.47)),
            "q": _printed(0.17, (39.69, 2.67), (8.19, 3.06), (5.25, 1.78)),
            "t": _printed(0.95, (36.70, 1.80), (30.29, 5.01), (6.93, 1.49)),
        },
        particles=150,
        headline=True,
    ),
)
