"""What makes a job of the workflow stale: one JSON text a rule, by which Snakemake compares it.

It holds the keys that decide its results, under their full names in the config, the digests of the
user's files that it reads, and the digest of its code. Swapped values are seen, since each has its
name, and `hypervae.workflow.why` reads from two such texts which key or module is another.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from hypervae.config import STAGES, decisive
from hypervae.digest import code_digest, module_digests
from hypervae.io import write_text
from hypervae.workflow.given import GivenFiles
from hypervae.workflow.groups import ShardGroups
from hypervae.workflow.plan import Plan

#: Below the working directory: the modules behind each digest of code, for `hypervae.workflow.why`.
MODULES = Path(".snakemake/hypervae/code")
# Sections that stand below `data` in the config.
_OF_DATA = ("simulation", "jetnet", "split")


class Staleness:
    """What decides the results of each job of a plan.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.groups = ShardGroups(plan)
        self.given = GivenFiles()
        self._texts: dict[tuple[str, str, str], str] = {}
        self._of: Mapping[str, Callable[[str, str], dict[str, Any]]] = {
            "simulate": lambda model, jet_type: self._simulate(jet_type),
            "download": lambda model, jet_type: self._download(jet_type),
            "split": lambda model, jet_type: self._source(jet_type, "shards"),
            "import": lambda model, jet_type: self._source(
                jet_type, "layout", "units", "angles", "extra", "jet_class"
            ),
            "correlators": self._correlators,
            "normalize": lambda model, jet_type: {
                **self._sections("normalize"),
                "models": {model: {"jet_types": self.plan.types_of(model)}},
            },
            "train": lambda model, jet_type: self._trained(model, self._sections("train", model)),
            "adopt": lambda model, jet_type: self._trained(model, {}),
            "generate": lambda model, jet_type: self._generate(model),
        }

    def decides(self, subcommand: str, model: str = "", jet_type: str = "", shard: str = "") -> str:
        """What decides the results of a job, as key-sorted JSON.

        Parameters
        ----------
        subcommand : str
            As on the command line; ``generate_mix`` for the file of several types.
        model, jet_type, shard : str
            Of the job, as far as it has them.

        Returns
        -------
        str
        """
        known = (subcommand, model, jet_type)
        if subcommand == "import":
            content = self._content(subcommand, model, jet_type)
            file = self.plan.user_file(jet_type, shard)
            return _text({**content, "files": {file: self.given.digest(file)}})
        if known not in self._texts:
            self._texts[known] = _text(self._content(subcommand, model, jet_type))
        return self._texts[known]

    def files(self, paths: Iterable[str]) -> str:
        """What decides a list of files: how many there are, and a digest of their names.

        Parameters
        ----------
        paths : iterable of str

        Returns
        -------
        str
        """
        names = list(paths)
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        return _text({"files": len(names), "names": digest})

    def config(self) -> str:
        """The whole config with all defaults, as key-sorted JSON.

        Returns
        -------
        str
        """
        return _text(self.plan.config.to_dict())

    def keep(self) -> None:
        """Write what explains the texts later: when a run starts, and never in a dry run."""
        self.given.keep()
        for subcommand in sorted({name.removesuffix("_mix") for name, _, _ in self._texts}):
            place = MODULES / f"{_code(subcommand)}.json"
            if not place.is_file():
                write_text(place, json.dumps(module_digests(subcommand), sort_keys=True))

    def _content(self, subcommand: str, model: str, jet_type: str) -> dict[str, Any]:
        stage = subcommand.removesuffix("_mix")
        if subcommand in self._of:
            content = self._of[subcommand](model, jet_type)
        else:
            content = self._sections(stage, model)
        return {**content, "code": _code(stage)}

    def _sections(self, stage: str, model: str = "") -> dict[str, Any]:
        content: dict[str, Any] = {}
        for name in (STAGES[stage].section, *STAGES[stage].attached):
            place = content.setdefault("data", {}) if name in _OF_DATA else content
            place[name] = decisive(self.plan.section_of(name, model))
        return content

    def _source(self, jet_type: str, *names: str) -> dict[str, Any]:
        source = self.plan.source(jet_type)
        values = {name: getattr(source, name) for name in ("source", *names)}
        data = {"max_particles": self.plan.max_particles, "jet_types": {jet_type: values}}
        return {"data": data}

    def _simulate(self, jet_type: str) -> dict[str, Any]:
        content = self._source(jet_type, "jets_per_shard")
        content["data"]["simulation"] = json.loads(self.plan.simulation(jet_type))
        return content

    def _download(self, jet_type: str) -> dict[str, Any]:
        settings = decisive(self.plan.data.jetnet)
        if not settings["directory"]:
            return {"data": {"jetnet": settings}}
        # What a pre-staged file holds decides, not where it lies, nor what it was checked against.
        path = self.plan.staged_file(jet_type)
        content = {"jetnet": {"particles": settings["particles"]}}
        return {"data": content, "files": {Path(path).name: self.given.digest(path)}}

    def _correlators(self, model: str, jet_type: str) -> dict[str, Any]:
        content = self._sections("correlators", model)
        if jet_type and self.groups.has(jet_type):
            # No result depends on it; Snakemake compares the inputs of a job, and this says why.
            content.setdefault("data", {})["shards_per_job"] = self.groups.size
        return content

    def _trained(self, model: str, content: dict[str, Any]) -> dict[str, Any]:
        content["models"] = {model: {"jet_types": self.plan.types_of(model)}}
        made = tuple(f"results/models/{name}/" for name in self.plan.models)
        given = [path for path in self.plan.given_files(model) if not path.startswith(made)]
        if given:
            content["files"] = {path: self.given.digest(path) for path in given}
        return content

    def _generate(self, model: str) -> dict[str, Any]:
        return {"generate": json.loads(self.plan.generation(model))}


@functools.cache
def _code(subcommand: str) -> str:
    return code_digest(subcommand)


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)
