"""What the Snakefile knows of a config: types, models, shards, and what each stage is given."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from hypervae.config import (
    STAGES,
    ModelSections,
    Section,
    SourceConfig,
    decisive,
    execution_keys,
    resolve_config,
    sections_of_model,
)
from hypervae.data.columns import split_columns
from hypervae.data.sources.files import shard_files
from hypervae.data.sources.registry import JET_SOURCES
from hypervae.errors import ConfigError
from hypervae.workflow.models import model_files

# A constraint that no name fulfils, for rules whose source no jet type uses.
_NOTHING = "(?!)"


def any_of(names: Iterable[str]) -> str:
    """Regular expression for names.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    str
        One that nothing fulfils where there are none.
    """
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
        return any_of(self.trained_models)

    @property
    def adopted(self) -> str:
        """Regular expression for the models that are taken as they are."""
        return any_of(name for name in self.models if self.config.models[name].weights)

    @property
    def with_own_hyperedges(self) -> str:
        """Regular expression for the models whose hyperedges are not those of the config."""
        return any_of(name for name in self.models if self.has_own_hyperedges(name))

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
        return any_of(names)

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

    def staged_file(self, jet_type: str) -> str:
        """The pre-staged JetNet file of a type, where there is a folder of them.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        str
        """
        return f"{self.data.jetnet.directory}/{jet_type}{self.jetnet_suffix}.hdf5"

    def import_options(self, jet_type: str) -> str:
        """How the user's own files of a type are read, as command-line options.

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
        options = {
            "layout": columns,
            "units": source.units,
            "angles": source.angles,
            "extra": ",".join(split_columns(source.extra)),
            "jet-class": shlex.quote(source.jet_class) if source.jet_class else "",
        }
        own = {"layout": "", "units": "GeV", "angles": "radians", "extra": "", "jet-class": ""}
        return " ".join(
            f"--{name} {value}" for name, value in options.items() if value != own[name]
        )

    def section(self, subcommand: str, model: str = "") -> str:
        """What a subcommand gets with ``--config``: one JSON text with sorted keys.

        Keys that decide no result are left out (`hypervae.config.decisive`).

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
        section = decisive(self.section_of(stage.section, model))
        for name in stage.attached:
            section[name] = decisive(self.section_of(name, model))
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

    def execution_options(self, subcommand: str, model: str = "") -> str:
        """How a subcommand runs, as command-line options; not part of its section.

        Parameters
        ----------
        subcommand, model : str
            As for `section`.

        Returns
        -------
        str
        """
        section = self.section_of(STAGES[subcommand].section, model)
        return " ".join(_option(name, value) for name, value in execution_keys(section))

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

    def section_of(self, name: str, model: str = "") -> Section:
        """A section of the config by its name, with the keys of a model of its own.

        Parameters
        ----------
        name : str
        model : str
            None for what all models share.

        Returns
        -------
        Section
        """
        if model and hasattr(self.sections(model), name):
            return getattr(self.sections(model), name)
        holder = self.data if name in type(self.data).model_fields else self.config
        return getattr(holder, name)


def _option(name: str, value: Any) -> str:
    name = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} {value}"
