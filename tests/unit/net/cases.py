"""The cases of the net: what is computed, and how exactly it has to come out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.unit.net import subject

#: Double precision all along.
EXACT = 1e-12
#: Computed in double precision and rounded to float32 at the end: its last place.
ROUNDED = 2.0**-22
#: Computed in single precision: sums may be taken in another order.
SINGLE = 1e-5

MODES = ("attention", "mlp", "chunked", "sampled", "binned", "clustered", "sparse")


@dataclass(frozen=True)
class Case:
    """Something that is computed.

    Parameters
    ----------
    compute : callable
        Returns numbers or arrays by name.
    tolerance : float
        Largest relative difference.
    """

    compute: Callable[[], Mapping[str, Any]]
    tolerance: float = EXACT


def _steps(**settings: Any) -> Callable[[], Mapping[str, Any]]:
    return lambda: subject.training_steps(**settings)[0]


CASES = {
    "correlators": Case(subject.correlator_sums),
    "normalization": Case(subject.merged),
    "step one_shot": Case(_steps()),
    "step flow": Case(_steps(decoder="flow")),
    "step flow, mlp": Case(_steps(decoder="flow", hyperedge_decoder="mlp")),
    "step one_shot, full": Case(_steps(lgatr="full", vector_channels=2)),
    "step flow, full": Case(_steps(decoder="flow", lgatr="full", vector_channels=2)),
    "step dropout": Case(_steps(dropout=0.2, hyperedge_encoder="sampled")),
    "step dropout, flow": Case(_steps(dropout=0.2, decoder="flow")),
    "step without cross-attention": Case(_steps(cross_attention=False)),
    "step without references": Case(_steps(references=[], condition=[])),
    "step hyperbolic": Case(
        _steps(train={"free_bits": 0.1}, one_shot={"distance": "hyperbolic", "pt_weighted": True})
    ),
    "step adamw": Case(_steps(train={"optimizer": "adamw"}, steps=1)),
    **{f"step encoder {mode}": Case(_steps(hyperedge_encoder=mode)) for mode in MODES},
    **{f"step decoder {mode}": Case(_steps(hyperedge_decoder=mode)) for mode in MODES},
    **{
        f"generate {decoder}, prior {prior}": Case(
            partial(subject.generated, decoder, prior), ROUNDED
        )
        for decoder in ("one_shot", "flow")
        for prior in ("normal", "flow")
    },
    "generate by euler": Case(
        partial(subject.generated, "flow", "normal", solver="euler", evaluations=4), ROUNDED
    ),
    "generate cold": Case(
        partial(subject.generated, "flow", "flow", evaluations=4, temperature=0.5), ROUNDED
    ),
    **{
        f"hyperedges {mode}": Case(partial(subject.decoded_hyperedges, mode), SINGLE)
        for mode in MODES
    },
    "reconstruct one_shot": Case(partial(subject.reconstructed, "one_shot", "normal"), ROUNDED),
    "reconstruct flow": Case(partial(subject.reconstructed, "flow", "flow"), ROUNDED),
    # distances of all pairs, each by an optimal transport
    "metrics coverage": Case(partial(subject.metrics, "coverage", jets=12)),
    **{
        f"metrics {group}": Case(partial(subject.metrics, group), tolerance)
        for group, tolerance in {
            "w1": EXACT,
            "efp": EXACT,
            # the root of a product of nearly singular covariances: as BLAS sums with two threads in
            # place of one, it moves by 1e-7
            "fpd": 1e-6,
            "kpd": EXACT,
            "observables": EXACT,
            "substructure": EXACT,
            "correlators": EXACT,
            "fpnd": 1e-3,  # a network in single precision, and a root of 256 x 256 numbers
            "classifier": 0.02,  # trained in single precision over many steps
        }.items()
    },
}
