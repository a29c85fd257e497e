"""The models of a run: what each is trained on, and what is other than in the whole config."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from hypervae.config.base import Mistake, Section, Text, Unique, key
from hypervae.config.data import JetType
from hypervae.config.decisive import PATH, SET, canonical
from hypervae.config.features import HyperedgesConfig
from hypervae.config.keys import subsections
from hypervae.config.messages import show
from hypervae.config.model import ModelConfig
from hypervae.config.results import GenerateConfig
from hypervae.config.train import TrainConfig

#: The sections of which an entry may give keys of its own.
OVERRIDDEN = ("hyperedges", "model", "train", "generate")

_Keys = dict[Text, Any]


class ModelEntry(Section):
    """One training job; keys of further sections that it gives count for this model alone."""

    reruns: ClassVar[str] = "merge_normalization onward, of this model"

    jet_types: Annotated[tuple[JetType, ...], Field(min_length=1), Unique] = key(
        ...,
        "jet types that this model learns; with more than one it is conditional on the type",
        counts=SET,
    )
    hyperedges: _Keys = key(
        {},
        "keys of hyperedges with other values for this model",
        reruns="compute_model_correlators onward, of this model",
    )
    model: _Keys = key(
        {},
        "keys of model with other values for this model",
        reruns="train_model onward, of this model",
    )
    train: _Keys = key(
        {},
        "keys of train with other values for this model",
        reruns="train_model onward, of this model",
    )
    generate: _Keys = key(
        {},
        "keys of generate with other values for this model",
        reruns="generate_jets onward, of this model",
    )
    weights: Text = key(
        "",
        "a trained model's folder, or its weights (safetensors) beside its other files, that is "
        "taken as it is: there is no training",
        reruns="adopt_model onward, of this model",
        counts=PATH,
    )
    init_from: Text = key(
        "",
        "as weights, but the training starts from there, with the scales and tables that these "
        "weights have; the architecture must be theirs",
        reruns="train_model onward, of this model",
        counts=PATH,
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Nothing is asked of a training that there is not."""
        if not self.weights:
            return
        for name in ("hyperedges", "model", "train", "init_from"):
            if value := getattr(self, name):
                yield Mistake(name, show(value), "none beside weights: there is no training")

    @model_serializer(mode="wrap")
    def _without_empty_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value not in ("", {})}


@dataclass(frozen=True)
class ModelSections:
    """The sections that count for one model.

    Attributes
    ----------
    hyperedges : HyperedgesConfig
    model : ModelConfig
    train : TrainConfig
    generate : GenerateConfig
    """

    hyperedges: HyperedgesConfig
    model: ModelConfig
    train: TrainConfig
    generate: GenerateConfig


def with_changes(section: Section, changes: Mapping[str, Any], above: str) -> Any:
    """A section with other values of some keys; errors as `Section.of`.

    Parameters
    ----------
    section : Section
    changes : mapping
        As loaded from YAML; of sections within, some keys.
    above : str
        See `Section.of`.

    Returns
    -------
    Section
        Of the same type.
    """
    if not changes:
        return section
    return canonical(type(section).of(_merged(type(section), section.to_dict(), changes), above))


def _merged(
    section: type[Section], values: dict[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    within = {name: model for name, model, many in subsections(section) if not many}
    merged = {**values, **changes}
    for name, model in within.items():
        if isinstance(changes.get(name), Mapping):
            merged[name] = _merged(model, values[name], changes[name])
    return merged
