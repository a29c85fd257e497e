"""The metrics: what each is called, what it measures and how it is computed, by groups.

``evaluate.metrics`` names groups or single metrics; a group is computed as a whole. The config
takes names from here, also where the Snakefile is read: what computes is imported where it is
called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypervae.errors import ConfigError
from hypervae.observables.table import in_group

if TYPE_CHECKING:
    from hypervae.config import EvaluateConfig
    from hypervae.evaluation.comparison import Comparison
    from hypervae.evaluation.distance import MetricValue

#: Pairs of the floor of what takes long.
EXPENSIVE = 2
#: Orders of the energy correlators that are compared.
ORDERS = (2, 3, 4)


class Unavailable(Exception):
    """A metric cannot be computed of these jets; the message says why, and the results too."""


@dataclass(frozen=True)
class Metric:
    """What a metric is.

    Parameters
    ----------
    description : str
    unit : str
        ``"1"`` if it has none.
    higher_is_better : bool
    """

    description: str
    unit: str = "1"
    higher_is_better: bool = False


@dataclass(frozen=True)
class Group:
    """Metrics that are computed together.

    Parameters
    ----------
    metrics : dict of str to Metric
    measure : callable
        From a comparison to each metric's value and error; raises `Unavailable`.
    jets : callable, optional
        From the section ``evaluate`` to the number of jets that the protocol asks for.
    floor_pairs : int, optional
        Pairs of real samples at most over which the floor is averaged; fewer where a measure is
        dear.
    needs : tuple of str, optional
        Modules that are not part of every installation.
    """

    metrics: Mapping[str, Metric]
    measure: Callable[[Comparison], dict[str, MetricValue]]
    jets: Callable[[EvaluateConfig], int] | None = None
    floor_pairs: int | None = None
    needs: tuple[str, ...] = ()


def _w1(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import w1

    return w1.w1m_w1p(
        pair.sample.observables,
        pair.reference.observables,
        **_w1_protocol(pair),
        seed=pair.seed("jetnet"),
    )


def _efp(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import w1

    return {
        "w1efp": w1.w1efp(
            pair.sample.efps, pair.reference.efps, **_w1_protocol(pair), seed=pair.seed("w1efp")
        )
    }


def _w1_protocol(pair: Comparison) -> dict[str, int]:
    return {
        "samples": min(pair.config.w1_samples, pair.jets),
        "batches": pair.config.w1_batches,
    }


def _fpd(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import frechet

    _require(pair, frechet.FEWEST)
    return {"fpd": frechet.fpd(pair.sample.efps, pair.reference.efps, seed=pair.seed("fpd"))}


def _kpd(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import frechet

    _require(pair, frechet.FEWEST)
    return {"kpd": frechet.kpd(pair.sample.efps, pair.reference.efps, seed=pair.seed("kpd"))}


def _fpnd(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import fpnd

    jets = pair.sample.jets
    if jets.jet_type not in fpnd.JET_TYPES:
        raise Unavailable(f"jetnet has statistics of {', '.join(fpnd.JET_TYPES)} alone")
    if jets.multiplicity.max() > fpnd.PARTICLES:
        raise Unavailable(f"jetnet has statistics of {fpnd.PARTICLES} particles alone")
    return {"fpnd": fpnd.fpnd(jets, jets.jet_type, seed=pair.seed("fpnd"))}


def _coverage(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import coverage

    return coverage.coverage(
        pair.sample.jets,
        pair.reference.jets,
        samples=min(coverage.JETS, pair.jets),
        seed=pair.seed("coverage"),
    )


def _classifier(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import classifier

    _require(pair, classifier.FEWEST)
    return {
        "auc": classifier.classifier_auc(
            pair.sample.jets, pair.reference.jets, seed=pair.seed("classifier")
        )
    }


def _correlators(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import correlators

    return correlators.compare_correlators(
        pair.sample.correlators, pair.reference.correlators, generator=pair.rng("correlators")
    )


def _pairs(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import pairs

    return pairs.compare_pairs(
        pair.sample.observables, pair.reference.observables, generator=pair.rng("pairs")
    )


def _memorization(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import memorization

    _require(pair, memorization.FEWEST)
    if pair.training is None:
        raise Unavailable("no training jets, or too few for the truth floor")
    return memorization.nearest(pair.sample.efps, pair.training.efps, pair.reference.efps)


def _diversity(pair: Comparison) -> dict[str, MetricValue]:
    from hypervae.evaluation import diversity, memorization

    _require(pair, memorization.FEWEST)
    return diversity.diversity(pair.sample.efps, pair.reference.efps)


def _frechet_jets(config: EvaluateConfig) -> int:
    from hypervae.evaluation import frechet

    return frechet.JETS


def _fpnd_jets(config: EvaluateConfig) -> int:
    from hypervae.evaluation import fpnd

    return fpnd.JETS


def _coverage_jets(config: EvaluateConfig) -> int:
    from hypervae.evaluation import coverage

    return coverage.JETS


def _require(pair: Comparison, fewest: int) -> None:
    if pair.jets < fewest:
        raise Unavailable(f"{pair.jets} jets a side, at least {fewest} are needed")


def _observables(group: str, needs: tuple[str, ...] = ()) -> Group:
    """W1 and overlap of each observable of a group."""
    table = in_group(group)

    def measure(pair: Comparison) -> dict[str, MetricValue]:
        from hypervae.evaluation.distance import difference

        found = {}
        for name in table:
            found[f"w1_{name}"], found[f"overlap_{name}"] = difference(
                pair.sample.observables,
                pair.reference.observables,
                name,
                pair.edges[name],
                generator=pair.rng("bootstrap", name),
            )
        return found

    metrics = {}
    for name, about in table.items():
        text = f"1-Wasserstein distance, whole samples: {about.description}"
        metrics[f"w1_{name}"] = Metric(text, about.unit)
        text = f"overlap of the normalized histograms: {about.description}"
        metrics[f"overlap_{name}"] = Metric(text, higher_is_better=True)
    return Group(metrics, measure, needs=needs)


def _enc_metrics() -> dict[str, Metric]:
    metrics = {}
    for order in ORDERS:
        name = f"E{order}C(R_L)"
        metrics[f"w1_e{order}c"] = Metric(f"1-Wasserstein distance in ln R_L of {name}")
        metrics[f"deviation_e{order}c"] = Metric(f"mean of |ratio - 1| of {name}, weighted with it")
    text = "mean of |ratio - 1| of E3C/E2C, weighted with E2C"
    return metrics | {"deviation_e3c_e2c": Metric(text)}


#: By name, in the order of the results.
GROUPS: Mapping[str, Group] = {
    "w1": Group(
        {
            "w1m": Metric("W1M: jet mass of the kept particles over the pT of the full jet"),
            "w1p": Metric("W1P: mean over etarel, phirel and ptrel"),
            "w1p_etarel": Metric("W1P of the particles' etarel"),
            "w1p_phirel": Metric("W1P of the particles' phirel", "rad"),
            "w1p_ptrel": Metric("W1P of the particles' ptrel"),
        },
        _w1,
        lambda config: config.w1_samples,
    ),
    "efp": Group(
        {"w1efp": Metric("W1EFP: mean over five Energy Flow Polynomials (n = d = 4, connected)")},
        _efp,
        lambda config: config.w1_samples,
    ),
    "fpd": Group(
        {"fpd": Metric("Fréchet physics distance: 36 EFPs (d <= 4), to infinite samples")},
        _fpd,
        _frechet_jets,
        floor_pairs=EXPENSIVE,
    ),
    "kpd": Group(
        {"kpd": Metric("kernel physics distance: 36 EFPs (d <= 4)")},
        _kpd,
        _frechet_jets,
        floor_pairs=EXPENSIVE,
    ),
    "fpnd": Group(
        {"fpnd": Metric("Fréchet ParticleNet distance to real JetNet (floor: training jets')")},
        _fpnd,
        _fpnd_jets,
        floor_pairs=1,
        needs=("jetnet",),
    ),
    "coverage": Group(
        {
            "cov": Metric("coverage by the EMD", higher_is_better=True),
            "mmd": Metric("minimum matching distance by the EMD, over the pT of the full jet"),
        },
        _coverage,
        _coverage_jets,
        floor_pairs=EXPENSIVE,
        needs=("ot",),
    ),
    "observables": _observables("observables"),
    "substructure": _observables("substructure", needs=("awkward", "fastjet")),
    "correlators": Group(_enc_metrics(), _correlators),
    "classifier": Group(
        {"auc": Metric("classifier two-sample test: area under the ROC curve (0.5: alike)")},
        _classifier,
        floor_pairs=1,
    ),
    "pairs": Group(
        {
            "w1_mass_ratio": Metric(
                "1-Wasserstein distance: mass of the kept particles over the full jet's"
            ),
            "w1_sum_ptrel": Metric("1-Wasserstein distance: sum of the kept particles' ptrel"),
            "w1_mass_at_multiplicity": Metric(
                "1-Wasserstein distance of mass / pT within slices of the multiplicity, mean over "
                "slices"
            ),
            "sliced_w1_mass_pt": Metric(
                "sliced 1-Wasserstein distance of (full mass, pT), each over the real width"
            ),
            "single_particle": Metric(
                "difference of the shares of jets with one particle above 0.9 of pT"
            ),
        },
        _pairs,
    ),
    "memorization": Group(
        {
            "nearer_training": Metric(
                "share of jets whose nearest neighbour is a training, not a test jet (0.5: alike)"
            ),
            "nearest_distance": Metric(
                "mean distance to the nearest training jet over that to the nearest test jet (1)"
            ),
        },
        _memorization,
        floor_pairs=EXPENSIVE,
    ),
    "diversity": Group(
        {
            "own_distance": Metric(
                "mean distance to the nearest other jet of the sample over that in test jets (1)"
            ),
            "repeats": Metric(
                "share of jets with another one as near as a hundredth of the test jets have (0.01)"
            ),
        },
        _diversity,
        floor_pairs=EXPENSIVE,
    ),
}


#: Every metric, by name.
METRICS: Mapping[str, Metric] = {
    name: metric for group in GROUPS.values() for name, metric in group.metrics.items()
}


def chosen(names: Sequence[str]) -> dict[str, list[str]]:
    """The groups and, of each, the metrics that are asked for.

    Parameters
    ----------
    names : sequence of str
        Groups or metrics.

    Returns
    -------
    dict of str to list of str
        In the order of `GROUPS`.

    Raises
    ------
    ConfigError
        If a name is neither.
    """
    known = {name for group, about in GROUPS.items() for name in (group, *about.metrics)}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"evaluate.metrics: found {name!r}, expected metrics or groups of them "
                f"({', '.join(GROUPS)})"
            )
    found = {}
    for group, about in GROUPS.items():
        metrics = [name for name in about.metrics if group in names or name in names]
        if metrics:
            found[group] = metrics
    return found
