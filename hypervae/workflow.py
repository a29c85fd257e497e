"""What the Snakefile knows of a config: types, models, shards, and what each stage is given.

Light imports only: Snakemake parses the workflow again in every cluster job.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from hypervae.config import (
    STAGES,
    ModelSections,
    Section,
    SourceConfig,
    resolve_config,
    sections_of_model,
)
from hypervae.data.columns import split_columns
from hypervae.data.sources.files import shard_files
from hypervae.data.sources.registry import JET_SOURCES
from hypervae.digest import code_digest
from hypervae.errors import ConfigError

# A constraint that no name fulfils, for rules whose source no jet type uses.
_NOTHING = "(?!)"
#: The files of a trained model in its folder, its weights first.
MODEL_FILES = ("weights.safetensors", "config.json", "normalization.h5")


def model_files(path: str) -> list[str]:
    """The files of a trained model.

    Parameters
    ----------
    path : str
        Its folder, or its weights, which the other files lie beside.

    Returns
    -------
    list of str
        The weights first.
    """
    place = Path(path)
    if place.suffix == ".safetensors":
        return [path, *(str(place.with_name(name)) for name in MODEL_FILES[1:])]
    return [str(place / name) for name in MODEL_FILES]


def _any_of(names: Iterable[str]) -> str:
    """Regular expression for the names."""
    return "|".join(names) or _NOTHING


class Plan:
    """A resolved config, as the rules ask for it.

    Parameters
    ----------
    config : mapping
        The workflow's config, as loaded.

    Raises
    ------
    ConfigError
        If it is wrong; see `hypervae.config.resolve_config`.
    """

    def __init__(self, config: Mapping[str, Any]):
        self.config = resolve_config(config)
        self.data = self.config.data
        self.jet_types = list(self.data.jet_types)
        self.models = list(self.config.models)
        self._sections = {name: sections_of_model(self.config, name) for name in self.models}
        self.max_particles = self.data.max_particles
        self.jetnet_suffix = "150" if self.data.jetnet.particles == 150 else ""
        for jet_type in self.jet_types:
            self.shards(jet_type)

    @property
    def resolved(self) -> str:
        """The config with all defaults, as YAML; sorted, so that the order of keys never counts."""
        return yaml.safe_dump(self.config.to_dict(), sort_keys=True)

    @property
    def evaluations(self) -> list[tuple[str, str]]:
        """Each model with each of its jet types."""
        return [(model, jet_type) for model in self.models for jet_type in self.types_of(model)]

    @property
    def mixed_models(self) -> list[str]:
        """Models that know all types of the mix; none without a mix."""
        mixes = {name: set(sections.generate.mix) for name, sections in self._sections.items()}
        return [name for name, mix in mixes.items() if mix and mix <= set(self.types_of(name))]

    @property
    def trained_models(self) -> list[str]:
        """Models that are trained."""
        return [name for name in self.models if not self.config.models[name].weights]

    @property
    def trained(self) -> str:
        """Regular expression for the models that are trained."""
        return _any_of(self.trained_models)

    @property
    def adopted(self) -> str:
        """Regular expression for the models that are taken as they are."""
        return _any_of(name for name in self.models if self.config.models[name].weights)

    @property
    def with_own_hyperedges(self) -> str:
        """Regular expression for the models whose hyperedges are not those of the config."""
        return _any_of(name for name in self.models if self.has_own_hyperedges(name))

    def has_own_hyperedges(self, model: str) -> bool:
        """Whether a model needs correlator files of its own, which hold counts of hyperedges.

        Parameters
        ----------
        model : str

        Returns
        -------
        bool
        """
        return self.sections(model).hyperedges != self.config.hyperedges

    def given_files(self, model: str) -> list[str]:
        """The files of the trained model that one is, or that its training starts from.

        Parameters
        ----------
        model : str

        Returns
        -------
        list of str
        """
        entry = self.config.models[model]
        place = entry.weights or entry.init_from
        return model_files(place) if place else []

    def types_of(self, model: str) -> list[str]:
        """Jet types of a model.

        Parameters
        ----------
        model : str
            Its name.

        Returns
        -------
        list of str
        """
        return list(self.config.models[model].jet_types)

    def source(self, jet_type: str) -> SourceConfig:
        """Where the jets of a type come from.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        SourceConfig
        """
        sources: Mapping[Any, SourceConfig] = self.data.jet_types
        return sources[jet_type]

    def types_from(self, source: str) -> str:
        """Regular expression for the jet types that come from a source.

        Parameters
        ----------
        source : str
            Its name.

        Returns
        -------
        str
        """
        names = [name for name in self.jet_types if self.source(name).source == source]
        return _any_of(names)

    def shards(self, jet_type: str) -> list[str]:
        """Names of the shards of a jet type, sorted.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        list of str
        """
        source = self.source(jet_type)
        try:
            return list(JET_SOURCES[source.source].shard_names(source))
        except ConfigError as error:
            raise ConfigError(f"config: data.jet_types.{jet_type}.{error}") from None

    @staticmethod
    def shard_index(shard: str) -> int:
        """Index of a simulated or split shard.

        Parameters
        ----------
        shard : str
            Its name.

        Returns
        -------
        int
        """
        return int(shard.partition("-of-")[0])

    def user_file(self, jet_type: str, shard: str) -> str:
        """The user's own file behind a shard.

        Parameters
        ----------
        jet_type : str
        shard : str
            Its name.

        Returns
        -------
        str
        """
        return shard_files(self.source(jet_type))[shard]

    def import_options(self, jet_type: str) -> str:
        """How the user's own files of a type are laid out, as command-line options.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        str
            Empty for the format's own layout.
        """
        source = self.source(jet_type)
        columns = ",".join(split_columns(source.layout))
        options = {"layout": columns, "units": source.units, "angles": source.angles}
        own = {"layout": "", "units": "GeV", "angles": "radians"}
        return " ".join(
            f"--{name} {value}" for name, value in options.items() if value != own[name]
        )

    def section(self, subcommand: str, model: str = "") -> str:
        """What a subcommand gets with ``--config``: one JSON text with sorted keys.

        Snakemake compares it as it stands, so that a job is stale if and only if a key changed that
        its stage reads.

        Parameters
        ----------
        subcommand : str
            As on the command line.
        model : str
            For which it runs, whose own keys count; none for those that all models share.

        Returns
        -------
        str
        """
        stage = STAGES[subcommand]
        section = self._section(stage.section, model).to_dict()
        section.pop("execution", None)
        for name in stage.attached:
            section[name] = self._section(name, model).to_dict()
        return json.dumps(section, sort_keys=True)

    def simulation(self, jet_type: str) -> str:
        """The section of `simulate` with the settings of one jet type alone, as key-sorted JSON.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        str
        """
        section = json.loads(self.section("simulate"))
        section["pt_hat"] = {jet_type: section["pt_hat"][jet_type]}
        return json.dumps(section, sort_keys=True)

    def generation(self, model: str) -> str:
        """The section of `generate` as key-sorted JSON, but for the mix: it makes its own file.

        Parameters
        ----------
        model : str

        Returns
        -------
        str
        """
        section = json.loads(self.section("generate", model))
        section["mix"] = {}
        return json.dumps(section, sort_keys=True)

    def execution_options(self, model: str) -> str:
        """How training runs, as command-line options; not part of its section.

        Parameters
        ----------
        model : str

        Returns
        -------
        str
        """
        execution = self.sections(model).train.execution.to_dict()
        return " ".join(_option(f"execution.{name}", value) for name, value in execution.items())

    def training_devices(self, model: str) -> int:
        """Training processes, each with a GPU where there are any.

        Parameters
        ----------
        model : str

        Returns
        -------
        int
        """
        return self.sections(model).train.execution.devices

    def training_cpus(self, model: str) -> int:
        """CPUs of a training job: one for each process, and one for each of its loader's.

        Parameters
        ----------
        model : str

        Returns
        -------
        int
        """
        return self.training_devices(model) * (1 + self.sections(model).train.execution.workers)

    def sections(self, model: str) -> ModelSections:
        """The sections that count for a model.

        Parameters
        ----------
        model : str

        Returns
        -------
        ModelSections
        """
        return self._sections[model]

    def _section(self, name: str, model: str) -> Section:
        if model and hasattr(self.sections(model), name):
            return getattr(self.sections(model), name)
        holder = self.data if name in type(self.data).model_fields else self.config
        return getattr(holder, name)

    @staticmethod
    @functools.cache
    def code(subcommand: str) -> str:
        """Digest of the code behind a subcommand.

        Parameters
        ----------
        subcommand : str
            As on the command line.

        Returns
        -------
        str
        """
        return code_digest(subcommand)


def _option(name: str, value: Any) -> str:
    name = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} {value}"
