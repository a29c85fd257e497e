"""The whole config of the workflow, and what each subcommand takes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, model_validator

from hypervae.config.base import Mistake, Section, Text, key
from hypervae.config.data import DataConfig, JetNetConfig, SimulationConfig, SplitConfig
from hypervae.config.decisive import canonical
from hypervae.config.features import CorrelatorsConfig, HyperedgesConfig, NormalizationConfig
from hypervae.config.messages import text_keys
from hypervae.config.model import ModelConfig
from hypervae.config.models import OVERRIDDEN, ModelEntry, ModelSections, with_changes
from hypervae.config.results import (
    EquivarianceConfig,
    EvaluateConfig,
    GenerateConfig,
    PlotConfig,
    ReconstructionConfig,
)
from hypervae.config.train import TrainConfig
from hypervae.errors import ConfigError


def _unknown_orders(
    correlators: CorrelatorsConfig, hyperedges: HyperedgesConfig
) -> Iterator[Mistake]:
    for order in hyperedges.orders:
        if order not in correlators.orders:
            known = f"orders among correlators.orders {list(correlators.orders)}"
            yield Mistake("hyperedges.orders", str(order), known)


# It is a part of names of files, which may have 255 bytes.
ModelName = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]


class WorkflowConfig(Section):
    """The config of the workflow."""

    data: DataConfig = key(..., "which jets, from where")
    correlators: CorrelatorsConfig = Field(default_factory=CorrelatorsConfig)
    hyperedges: HyperedgesConfig = Field(default_factory=HyperedgesConfig)
    normalization: NormalizationConfig = Field(default_factory=NormalizationConfig)
    models: Annotated[dict[ModelName, ModelEntry], Field(min_length=1)] = key(
        ..., "one training job per entry", reruns="nothing of the other models"
    )
    model: ModelConfig = Field(default_factory=ModelConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    generate: GenerateConfig = Field(default_factory=GenerateConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    equivariance: EquivarianceConfig = Field(default_factory=EquivarianceConfig)
    reconstruction: ReconstructionConfig = Field(default_factory=ReconstructionConfig)
    plot: PlotConfig = Field(default_factory=PlotConfig)

    def mistakes(self) -> Iterator[Mistake]:
        """Hyperedges are of orders that are computed, models of jet types that there are."""
        yield from _unknown_orders(self.correlators, self.hyperedges)
        known = ", ".join(self.data.jet_types)
        alike: dict[str, str] = {}
        for name, model in self.models.items():
            if (other := alike.setdefault(name.lower(), name)) != name:
                wanted = "names that differ by more than case, which some disks do not tell"
                yield Mistake(f"models.{name}", f"it beside {other}", wanted)
            for jet_type in model.jet_types:
                if jet_type not in self.data.jet_types:
                    yield Mistake(
                        f"models.{name}.jet_types",
                        repr(jet_type),
                        f"types that data.jet_types defines ({known})",
                    )
        yield from self._unused_mix()

    def _unused_mix(self) -> Iterator[Mistake]:
        """A mix that no model makes would do nothing."""
        types = set(self.generate.mix)
        if types and not any(types <= set(model.jet_types) for model in self.models.values()):
            yield Mistake(
                "generate.mix", ", ".join(sorted(types)), "types that one of the models knows"
            )


def sections_of_model(config: WorkflowConfig, name: str) -> ModelSections:
    """The sections that count for a model: those of the config, with its own keys.

    Parameters
    ----------
    config : WorkflowConfig
    name : str

    Returns
    -------
    ModelSections

    Raises
    ------
    ConfigError
        Naming the keys below ``models``, what was found and what was expected.
    """
    entry, above = config.models[name], f"models.{name}."
    sections, errors = {}, []
    for section in OVERRIDDEN:
        changes = getattr(entry, section)
        try:
            changed = with_changes(getattr(config, section), changes, f"{above}{section}.")
        except ConfigError as error:
            errors.append(str(error))
        else:
            sections[section] = changed
    mix = entry.generate.get("mix")
    if isinstance(mix, Mapping) and not set(mix) <= set(entry.jet_types):
        known = "types of the model, " + ", ".join(entry.jet_types)
        errors.append(
            f"config: {above}generate.mix: found {', '.join(map(str, mix))}, expected {known}"
        )
    hyperedges = sections.get("hyperedges")
    if entry.hyperedges and hyperedges is not None:
        for mistake in _unknown_orders(config.correlators, hyperedges):
            errors.append(
                f"config: {above}{mistake.key}: found {mistake.found}, expected {mistake.expected}"
            )
    if errors:
        raise ConfigError("\n".join(errors))
    return ModelSections(**sections)


class CorrelatorsStageConfig(CorrelatorsConfig):
    """What ``hypervae correlators`` takes: its section, the sets to look at, and the split."""

    hyperedges: HyperedgesConfig = Field(default_factory=HyperedgesConfig)
    split: SplitConfig = Field(default_factory=SplitConfig)

    @model_validator(mode="before")
    @classmethod
    def _hyperedges_that_are_computed(cls, values: Any) -> Any:
        """Where hyperedges.orders is left out, those of its default among the orders."""
        if not isinstance(values, Mapping) or not isinstance(values.get("orders"), list | tuple):
            return values
        hyperedges = values.get("hyperedges") or {}
        if not isinstance(hyperedges, Mapping) or "orders" in hyperedges:
            return values
        orders = [order for order in HyperedgesConfig().orders if order in values["orders"]]
        return {**values, "hyperedges": {**hyperedges, "orders": orders}}

    def mistakes(self) -> Iterator[Mistake]:
        """Hyperedges are of orders that are computed."""
        yield from _unknown_orders(self, self.hyperedges)


class TrainStageConfig(TrainConfig):
    """What ``hypervae train`` takes: the recipe, the architecture, and the split."""

    model: ModelConfig = Field(default_factory=ModelConfig)
    split: SplitConfig = Field(default_factory=SplitConfig)


class EvaluateStageConfig(EvaluateConfig):
    """What ``hypervae evaluate`` takes: its section, and the split of real jets."""

    split: SplitConfig = Field(default_factory=SplitConfig)


@dataclass(frozen=True)
class Stage:
    """What one subcommand takes with ``--config``.

    Parameters
    ----------
    config : type
        Of what it takes.
    section : str
        The section of the whole config whose keys stand at its top.
    attached : tuple of str
        Further sections, each under its own name.
    """

    config: type[Section]
    section: str
    attached: tuple[str, ...] = ()


#: The subcommands that take a section of the config.
STAGES: Mapping[str, Stage] = {
    "simulate": Stage(SimulationConfig, "simulation"),
    "download": Stage(JetNetConfig, "jetnet"),
    "correlators": Stage(CorrelatorsStageConfig, "correlators", ("hyperedges", "split")),
    "normalize": Stage(NormalizationConfig, "normalization"),
    "train": Stage(TrainStageConfig, "train", ("model", "split")),
    "generate": Stage(GenerateConfig, "generate"),
    "evaluate": Stage(EvaluateStageConfig, "evaluate", ("split",)),
    "equivariance": Stage(EquivarianceConfig, "equivariance"),
    "reconstruct": Stage(ReconstructionConfig, "reconstruction"),
    "plot": Stage(PlotConfig, "plot"),
}


def resolve_config(config: Mapping[str, Any] | None) -> WorkflowConfig:
    """Check the workflow's config, as loaded from YAML, fill in the defaults, in one spelling.

    Parameters
    ----------
    config : mapping, optional
        None for an empty file.

    Returns
    -------
    WorkflowConfig

    Raises
    ------
    ConfigError
        Naming the key, what was found and what was expected, one line for each mistake.
    """
    if not isinstance(config, Section):
        config = text_keys(config)  # refuses an empty file
    resolved: WorkflowConfig = canonical(WorkflowConfig.of(config))
    errors = []
    for name in resolved.models:
        try:
            sections_of_model(resolved, name)
        except ConfigError as error:
            errors.append(str(error))
    if errors:
        raise ConfigError("\n".join(errors))
    return resolved


def resolve_section(stage: str, section: Mapping[str, Any]) -> Any:
    """Check what a subcommand was given and fill in the defaults; errors as `resolve_config`.

    Parameters
    ----------
    stage : str
        A stage of `STAGES`.
    section : mapping
        Keys and values, not checked yet.

    Returns
    -------
    Section
        The model of the stage, checked.
    """
    return STAGES[stage].config.of(section)
