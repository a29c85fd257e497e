"""Sections that say what is computed of jets before training."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import AfterValidator, Field, Strict
from pydantic_core import PydanticCustomError

from hypervae.config.base import (
    AsInteger,
    AsNumber,
    Integer,
    Number,
    Pair,
    Rising,
    Section,
    Unique,
    key,
)
from hypervae.config.decisive import SET


def _with_pairs(orders: tuple[int, ...]) -> tuple[int, ...]:
    if 2 not in orders:
        raise PydanticCustomError("refused", "expected 2 among them")
    return orders


# Float32 angles tell no smaller ones apart, and no two particles are farther.
Distances = Annotated[
    tuple[Annotated[float, Strict(), Field(ge=1e-9, le=100.0), AsNumber], ...], Pair, Rising
]


class CorrelatorsConfig(Section):
    """Projected N-point energy correlators."""

    reruns: ClassVar[str] = "compute_correlators onward"

    orders: Annotated[
        tuple[Annotated[int, Strict(), Field(ge=2, le=6), AsInteger], ...],
        Field(min_length=1),
        Unique,
        AfterValidator(_with_pairs),
    ] = key(
        (2, 3, 4), "orders N, 2 to 6; 2 must be among them, since ratios are to E2C", counts=SET
    )
    bins: Integer = key(200, "logarithmic R_L bins", ge=1, le=65_000)
    range: Distances = key((1.0e-4, 2.0), "[low, high] of R_L")
    weight: Literal["pt", "energy"] = key("pt", "weights are fractions of pt or of energy")
    exponent: Number = key(1.0, "power kappa of each weight", gt=0, le=10)


class HyperedgesConfig(Section):
    """Hyperedges, the sets of particles that the model sees."""

    reruns: ClassVar[str] = "compute_correlators onward"

    orders: Annotated[
        tuple[Annotated[int, Strict(), Field(ge=3, le=6), AsInteger], ...], Unique
    ] = key((3, 4), "set sizes; each must be among correlators.orders", counts=SET)
    max_particles: Integer = key(
        30, "sets are formed of the hardest so many particles, at most 64", ge=2, le=64
    )


Method = Literal["zscore", "minmax"]
METHODS = get_args(Method)


class NormalizationConfig(Section):
    """How features are scaled."""

    reruns: ClassVar[str] = "merge_normalization onward, no shard"

    method: Method = key("zscore", "zscore: mean 0, width 1; minmax: onto [0, 1]")
