"""The training recipe, and how a training job runs."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, Strict

from hypervae.config.base import (
    LARGEST_SEED,
    AsNumber,
    Flag,
    Integer,
    Mistake,
    Number,
    OneOf,
    Pair,
    Section,
    Text,
    Weight,
    key,
)
from hypervae.config.decisive import EXECUTION, where
from hypervae.config.names import monitors, optimizers, schedules

_RERUNS = "train_model onward"
Temperature = Annotated[float, Strict(), Field(ge=0.01, le=100), AsNumber]


class LossWeights(Section):
    """Weights of the terms of the loss; 0 leaves a term out."""

    reruns: ClassVar[str] = _RERUNS

    particle: Weight = key(1.0, "each term that the particle decoder has of its own")
    edge: Weight = key(0.2, "MSE of the edge features")
    hyperedge: Weight = key(
        0.1, "distance of the hyperedge histograms, or MSE of the hyperedge features"
    )
    jet_features: Weight = key(1.0, "MSE of jet ln pt, eta and ln mass")
    multiplicity: Weight = key(0.5, "cross-entropy of the multiplicity")
    sum: Weight = key(0.4, "consistency of the particles' summed momentum and mass with the jet's")
    edge_consistency: Weight = key(
        0.5, "decoded edge features against those of the decoded particles"
    )
    hyperedge_consistency: Weight = key(
        0.05, "decoded hyperedge features against those of the decoded particles"
    )
    kl: Weight = key(0.01, "KL divergence, summed over latent dimensions")


class ExecutionConfig(Section):
    """How the job runs; nothing here changes a result or makes one stale."""

    reruns: ClassVar[str] = "nothing"

    device: Literal["auto", "cpu", "cuda"] = key("auto", "auto: cuda where there is one, else cpu")
    devices: Integer = key(
        1, "processes of a node, each with a GPU or, on CPUs, with its threads", ge=1, le=1024
    )
    nodes: Integer = key(
        1, "nodes; above 1 a launcher (srun, torchrun) starts the processes", ge=1, le=10_000
    )
    rendezvous_minutes: Number = key(
        1.0,
        "how long processes that torchrun or a person starts wait for one another at the start",
        unit="min",
        ge=0.01,
        le=1e4,
    )
    workers: Integer = key(
        0,
        "processes that prepare batches, for each training process; 0: that one itself",
        ge=0,
        le=1024,
    )
    kept_gb: Number = key(
        1.0,
        "memory for the jets of a split as they were prepared, which later passes take them from, "
        "where all fit in and none has a hypergraph; 0: each pass prepares them anew",
        unit="GiB",
        ge=0,
        le=1e6,
    )
    on_oom: Literal["stop", "halve"] = key(
        "stop", "out of memory: stop with advice, or halve the batches within a step and go on"
    )
    checkpoint_minutes: Number = key(
        10.0,
        "time between checkpoints within an epoch; 0: after each step",
        unit="min",
        ge=0,
        le=1e6,
    )
    max_memory_gb: Number = key(
        0.0, "cap on the process's GPU memory; 0: none", unit="GiB", ge=0, le=1e6
    )
    gradient_checkpointing: Flag = key(
        False, "recompute activations in the backward pass: less memory, more time"
    )


class TrainConfig(Section):
    """The training recipe."""

    reruns: ClassVar[str] = _RERUNS

    seed: Integer = key(1, "seed of initial weights, shuffling and noise", ge=0, le=LARGEST_SEED)
    epochs: Integer = key(
        10, "passes through the training jets", ge=1, le=10**6, counts=where(steps=[0])
    )
    steps: Integer = key(
        0,
        "optimizer steps in all, in place of epochs; the last epoch may be short; 0: epochs",
        ge=0,
        le=10**9,
    )
    extend: Literal["auto", "always", "never"] = key(
        "auto",
        "more epochs go on from the checkpoint of the same run with fewer, auto: where schedule is "
        "constant, always: with any schedule, never: each run starts from the beginning",
    )
    batch_size: Integer = key(32, "jets in memory at once, of a process", ge=1, le=10**7)
    accumulate: Integer = key(
        1, "batches per optimizer step, of all processes together", ge=1, le=10**6
    )
    optimizer: Annotated[Text, OneOf(optimizers)] = key(
        "adamw",
        "the optimizer; muon: orthogonalized momentum for the matrices within, AdamW for the rest",
    )
    learning_rate: Number = key(
        1.0e-3, "peak learning rate (muon: that of the matrices)", gt=0, le=1
    )
    adamw_ratio: Number = key(
        0.2,
        "muon: learning rate of the parameters under AdamW over that of the matrices",
        ge=1e-6,
        le=1e6,
        counts=where(optimizer=["muon"]),
    )
    weight_decay: Number = key(
        1.0e-4, "weight decay: decoupled in adamw and muon, an L2 term in the others", ge=0, le=100
    )
    betas: Annotated[tuple[Annotated[float, Strict(), Field(ge=0, lt=1), AsNumber], ...], Pair] = (
        key(
            (0.9, 0.999),
            "decay of the running means of gradient and square (sgd: the first is its momentum)",
        )
    )
    schedule: Annotated[Text, OneOf(schedules)] = key(
        "cosine",
        "learning rate after the warm-up: half a cosine down to a hundredth, linear down to 0, or "
        "constant",
    )
    warmup: Number = key(0.05, "fraction of all steps with a rising learning rate", ge=0, le=1)
    clip: Number = key(1.0, "largest gradient norm", ge=1e-9, le=1e9)
    ema: Number = key(
        0.99,
        "decay of the weights' moving average, which is what is saved; 0: none",
        ge=0,
        lt=1,
    )
    precision: Annotated[
        Literal["auto", "32", "16-mixed", "bf16-mixed"],
        BeforeValidator(lambda value: "32" if value == 32 else value),  # YAML reads a number
    ] = key(
        "auto",
        "auto: bf16-mixed from compute capability 8.0, 16-mixed below; on a CPU 32, or bf16-mixed "
        "where the CPU has instructions for it and the decoder was measured faster with them",
    )
    monitor: Annotated[Text, OneOf(monitors)] = key(
        "total",
        "what the best epoch is the lowest in: the validation loss (total), W1M of generated "
        "against validation jets (w1m), or the mean of W1M, W1P, tau21 and tau32 in floors",
    )
    monitor_every: Integer = key(
        5,
        "epochs between two samples of generated jets, with W1M and plots; 0: never",
        ge=0,
        le=10**6,
    )
    monitor_jets: Integer = key(
        2000,
        "jets of such a sample, and validation jets that it is compared with, at most",
        ge=2,
        le=10**7,
    )
    patience: Integer = key(
        0,
        "stop after so many epochs without a better epoch by the monitor; 0: never",
        ge=0,
        le=10**6,
    )
    keep_every: Integer = key(
        0,
        "keep the checkpoint of every so many epochs; 0: only the last and the best",
        ge=0,
        le=10**6,
        counts=EXECUTION,
        reruns="nothing",
    )
    max_skipped: Integer = key(
        20,
        "optimizer steps in a row without a finite loss and gradient, after which the run stops",
        ge=1,
        le=10**9,
    )
    kl_schedule: Literal["linear", "cyclical"] = key(
        "linear", "the KL weight rises once (linear) or in cycles (cyclical)"
    )
    kl_warmup: Number = key(
        0.2,
        "fraction of all steps (linear) or of a cycle (cyclical) over which the KL weight rises",
        ge=0,
        le=1,
    )
    kl_cycles: Integer = key(
        4, "cycles of the cyclical schedule", ge=1, le=10**6, counts=where(kl_schedule=["cyclical"])
    )
    free_bits: Number = key(
        0.0,
        "KL of a latent dimension below which it is not pressed further",
        unit="nats",
        ge=0,
        le=1000,
    )
    prior_steps: Integer = key(
        2000, "optimizer steps that fit a learned prior, after the training", ge=1, le=10**8
    )
    prior_batch_size: Integer = key(
        0,
        "latent vectors in each of these; 0: 256 (autoregressive) or 1,024 (flow)",
        ge=0,
        le=10**7,
    )
    acceptance_steps: Integer = key(
        500,
        "optimizer steps of each network that learns which draws of the prior to keep",
        ge=1,
        le=10**8,
    )
    gumbel_temperature: Annotated[tuple[Temperature, ...], Pair] = key(
        (1.0, 0.3),
        "temperature of the multiplicity's Gumbel-softmax at the first and at the last step",
    )
    loss_weights: LossWeights = Field(default_factory=LossWeights)
    execution: ExecutionConfig = Field(
        default_factory=ExecutionConfig, json_schema_extra={**EXECUTION}
    )

    def mistakes(self) -> Iterator[Mistake]:
        """A monitor of generated jets needs some."""
        if self.monitor != "total" and not self.monitor_every:
            yield Mistake("monitor_every", "0", f"at least 1 with monitor: {self.monitor}")
