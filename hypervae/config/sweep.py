"""The sweep file: what is varied, what is sought, where trials run."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hypervae.config.base import (
    LARGEST_SEED,
    Integer,
    Mistake,
    OneOf,
    Section,
    Text,
    Unique,
    Weight,
    key,
)
from hypervae.config.names import samplers, single_metrics

#: The sections of the config of which parameters are keys.
SWEPT = ("model", "train", "generate")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ObjectiveConfig(Section):
    """What is sought: the least of it. Of a model with several jet types, their mean."""

    metric: Annotated[Text, OneOf(lambda: ("", *single_metrics()))] = key(
        "", "one metric of evaluate.metrics: its distance from the ideal value"
    )
    floors: Annotated[tuple[Annotated[Text, OneOf(single_metrics)], ...], Unique] = key(
        (), "instead: several metrics, each in units of its truth floor, summed"
    )

    def mistakes(self) -> Iterator[Mistake]:
        """One of the two is given."""
        if bool(self.metric) == bool(self.floors):
            found = f"metric {self.metric!r} and floors {list(self.floors)}"
            yield Mistake("metric", found, "one of the two")


class HalvingConfig(Section):
    """Successive halving: all trials train for few epochs, the best for more, up to train.epochs.

    The length of a training is that of the rung: train.steps is 0.
    """

    epochs: Integer = key(
        0, "epochs of the first rung; 0: none, each trial trains to train.epochs", ge=0, le=10**6
    )
    factor: Integer = key(
        3,
        "of the trials of a rung one in so many goes on, to so many times the epochs",
        ge=2,
        le=1000,
    )


class SlurmConfig(Section):
    """The Slurm jobs of trials."""

    partition: Text = key("", "partition; empty: the cluster's default")
    gres: Text = key("gpu:1", "generic resources, e.g. gpu:1 or a MIG slice; empty: none")
    time: Integer = key(
        240,
        "limit of a job; one that reaches it is sent again and goes on from its checkpoint",
        unit="min",
        ge=1,
        le=525_600,
    )
    memory_gb: Weight = key(0.0, "memory; 0: what the workflow asks for a training", unit="GB")
    account: Text = key("", "account that is charged")
    qos: Text = key("", "quality of service")
    constraint: Text = key("", "features that a node must have")
    exclude: Text = key("", "nodes that are not taken")
    signal_seconds: Integer = key(
        120,
        "time before the limit at which a training is told to save a checkpoint; Slurm may tell it "
        "up to a minute earlier",
        unit="s",
        ge=10,
    )
    timeouts: Integer = key(
        20, "how often a job that reached its limit is sent again", ge=0, le=10_000
    )
    options: dict[Text, Any] = key({}, "further options of sbatch, without dashes")
    setup: tuple[Text, ...] = key((), "lines of shell that each job begins with")

    def mistakes(self) -> Iterator[Mistake]:
        """A checkpoint is asked for after the job has begun."""
        if self.signal_seconds >= 60 * self.time:
            expected = f"less than slurm.time, {60 * self.time} s"
            yield Mistake("signal_seconds", str(self.signal_seconds), expected)


class SweepConfig(Section):
    """A sweep: trials of one model with other values of some keys."""

    config: Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(_as_list)] = key(
        ..., "config file of the workflow, or several that are merged as by --configfile"
    )
    model: Text = key("", "which of its models; may be left out where there is one")
    inputs: Text = key(
        "",
        "folder of a run of the workflow whose shards, correlators and normalization are taken as "
        "they are; empty: the workflow makes them in this folder, where they are not there yet",
    )
    workflow: Annotated[tuple[Text, ...], Field(min_length=1)] = key(
        ("--cores", "all"), "options of Snakemake with which it makes them"
    )
    sampler: Annotated[Text, OneOf(samplers)] = key("tpe", "how values are chosen")
    trials: Integer = key(
        20, "number of trials; grid: at most so many of its points", ge=1, le=10**6
    )
    seed: Integer = key(1, "seed of the sampler", ge=0, le=LARGEST_SEED)
    parallel: Integer = key(4, "trials at once, at most", ge=1, le=10_000)
    executor: Literal["slurm", "local"] = key(
        "slurm", "where trials run: Slurm arrays, or processes on this machine"
    )
    parameters: Annotated[dict[Text, Any], Field(min_length=1)] = key(
        ...,
        "keys of model, train and generate, e.g. model.latent_dim: a list of values, or a range "
        "{low, high} with log: true or a step",
    )
    objective: ObjectiveConfig = Field(default_factory=ObjectiveConfig)
    halving: HalvingConfig = Field(default_factory=HalvingConfig)
    slurm: SlurmConfig = Field(default_factory=SlurmConfig)
