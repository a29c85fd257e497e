"""Sections of what is done with trained models."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hypervae.config.base import (
    LARGEST_SEED,
    Integer,
    Mistake,
    Number,
    OneOf,
    Section,
    Text,
    Unique,
    Weight,
    key,
)
from hypervae.config.decisive import EXECUTION, SET
from hypervae.config.names import flow_solvers, jet_types, metric_names


class GenerateConfig(Section):
    """Generated jets."""

    reruns: ClassVar[str] = "generate_jets onward"

    jets: Integer = key(2000, "jets per model and jet type", ge=1, le=10**9)
    mix: dict[Annotated[Text, OneOf(jet_types)], Weight] = key(
        {},
        "shares such as {q: 0.5, g: 0.5} of the jet types in one more file, "
        "results/generated/{model}/mix.h5, of each model that knows these types",
        reruns="generate_mix",
    )
    seed: Integer = key(
        1,
        "seed of all noise: latent vectors, multiplicity, particles of the flow",
        ge=0,
        le=LARGEST_SEED,
    )
    batch_size: Integer = key(
        256,
        "jets at once; changes speed and memory, not the jets",
        ge=1,
        le=10**7,
        counts=EXECUTION,
        reruns="nothing",
    )
    temperature: Number = key(
        1.0,
        "factor of all noise: below 1 jets are less varied than the model learned them, above 1 "
        "more",
        ge=0.01,
        le=100,
    )
    flow_evaluations: Integer = key(
        10, "network evaluations a jet of the decoder's flow", ge=1, le=10_000
    )
    flow_solver: Annotated[Text, OneOf(flow_solvers)] = key(
        "auto",
        "solver of the decoder's flow; auto: what the decoder prefers; midpoint takes two "
        "evaluations a step, euler and ab2 (Adams-Bashforth) one",
    )
    flow_precision: Literal["32-true", "bf16-mixed"] = key(
        "32-true",
        "of the hierarchical decoder's networks; bf16-mixed is faster where the processor has "
        "instructions for it, and moves jets in the third digit",
    )
    device: Literal["auto", "cpu", "cuda"] = key(
        "auto", "auto: cuda where there is one, else cpu", counts=EXECUTION, reruns="nothing"
    )

    def mistakes(self) -> Iterator[Mistake]:
        """A mix has jets of some type."""
        if self.mix and not any(self.mix.values()):
            yield Mistake("mix", "shares of 0 alone", "a share above 0")


class EvaluateConfig(Section):
    """Generated against held-out jets."""

    reruns: ClassVar[str] = "evaluate_jets onward"

    seed: Integer = key(1, "seed of the resampling", ge=0, le=LARGEST_SEED)
    metrics: Annotated[
        tuple[Annotated[Text, OneOf(metric_names)], ...], Field(min_length=1), Unique
    ] = key(
        ("w1", "efp", "fpd", "kpd", "observables", "substructure", "correlators", "pairs"),
        "what is computed: groups or single metrics (docs/evaluation.md); fpnd, coverage, "
        "classifier, memorization and diversity take minutes",
        counts=SET,
    )
    w1_samples: Integer = key(
        50_000,
        "jets of each resampling of W1; fewer where there are fewer, and the report says so",
        ge=2,
        le=10**8,
    )
    w1_batches: Integer = key(
        20, "resamplings of W1; their sample deviation is the error", ge=2, le=10_000
    )
    max_jets: Integer = key(50_000, "jets read of each sample at most", ge=2, le=10**8)


class EquivarianceConfig(Section):
    """How far trained models are from Lorentz equivariance, measured."""

    reruns: ClassVar[str] = "measure_equivariance"

    jets: Integer = key(
        16, "held-out jets that are transformed, of all types of a model together", ge=2, le=10**6
    )
    transformations: Integer = key(
        40,
        "random boosts and rotations of each group; the largest deviation counts",
        ge=1,
        le=10**6,
    )
    seed: Integer = key(1, "seed of the transformations", ge=0, le=LARGEST_SEED)


class ReconstructionConfig(Section):
    """Held-out jets through trained models, encoded and decoded again."""

    reruns: ClassVar[str] = "reconstruct_jets and its figures"

    jets: Integer = key(500, "held-out jets of each type of a model", ge=2, le=10**7)
    seed: Integer = key(
        1, "seed of the latent vectors and of the decoder's noise", ge=0, le=LARGEST_SEED
    )


class PlotConfig(Section):
    """Figures."""

    reruns: ClassVar[str] = "the figures"

    bins: Integer = key(40, "bins of the overlays", ge=2, le=1000)
    dpi: Integer = key(120, "resolution of the PNG files", ge=20, le=1200)
    style: Literal["ATLAS", "CMS", "LHCb2", "ALICE", "plain"] = key(
        "plain", "mplhep style; plain: matplotlib's with the field's ticks"
    )
