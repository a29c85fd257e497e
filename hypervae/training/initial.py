"""The weights of a trained model as those that a training starts from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from hypervae.config import ModelConfig
from hypervae.errors import InputError
from hypervae.formats.normalization import continued
from hypervae.model import HyperVAE
from hypervae.model.decoder.registry import PARTICLE_DECODERS
from hypervae.model.files import ModelFiles, files_of
from hypervae.normalization import Normalization
from hypervae.normalization.continuation import check_features, check_particles

#: Keys of the model's section on which neither weights that are kept nor what they mean depend.
FREE = (
    "dropout",
    "hyperedge_samples",
    "hyperedge_chunk",
    "one_shot",
    "hierarchical.draws",
    "prior_acceptance",
)
_ACCEPTANCE = "acceptance."


@dataclass(frozen=True)
class Initial:
    """A trained model that another training starts from.

    Attributes
    ----------
    files : ModelFiles
    normalization : Normalization
        Its scales and tables, with the split and the jets of the run added.
    config : ModelConfig
        The run's, with what ``auto`` stands for in the weights.
    weights : mapping of str to Tensor
    digest : str
        SHA-256 of its files.
    """

    files: ModelFiles
    normalization: Normalization
    config: ModelConfig
    model: HyperVAE
    digest: str


def read_initial(
    place: str | os.PathLike[str],
    config: ModelConfig,
    run: Normalization,
    jet_types: Sequence[str],
) -> Initial:
    """Read a trained model, and check that a training can start from it.

    Parameters
    ----------
    place : path-like
        See `hypervae.model.files.files_of`.
    config : ModelConfig
        Of the run.
    run : Normalization
        Merged from the jets of the run.
    jet_types : sequence of str
        In the order of the run's model. A model of one type may start from that of another.

    Returns
    -------
    Initial

    Raises
    ------
    InputError
        As `HyperVAE.load`; naming a key of the architecture, the jet types or a setting of the
        features that differs, with both values.
    """
    files = files_of(place)
    model = HyperVAE.load(place)
    types = model.jet_types
    other = set(types) != set(jet_types)
    if len(types) != len(jet_types) or (len(types) > 1 and other):
        raise InputError(
            files.config, "jet_types", found=", ".join(types), expected=", ".join(jet_types)
        )
    check_particles(model.normalization, run, files.normalization)
    check_features(model.normalization, run, files.normalization)
    config = _as_in(model.config, config)
    _check_architecture(model.config, config, files.config)
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return Initial(files, continued(model.normalization, run), config, model, digest.hexdigest())


def with_own_acceptance(weights: Mapping[str, Tensor], model: HyperVAE) -> dict[str, Tensor]:
    """Weights to start from, but for the acceptance, which each training fits anew.

    Parameters
    ----------
    weights : mapping of str to Tensor
        The state of a trained model.
    model : HyperVAE
        That is to start from them.

    Returns
    -------
    dict of str to Tensor
    """
    own = model.state_dict()
    theirs = {name: value for name, value in weights.items() if not name.startswith(_ACCEPTANCE)}
    return theirs | {name: own[name] for name in own if name.startswith(_ACCEPTANCE)}


def _as_in(theirs: ModelConfig, config: ModelConfig) -> ModelConfig:
    """With the modes of the weights where the config leaves them open."""
    names = ("hyperedge_encoder", "hyperedge_decoder")
    open_ones = {name: getattr(theirs, name) for name in names if getattr(config, name) == "auto"}
    return config.replace(**open_ones) if open_ones else config


def _check_architecture(theirs: ModelConfig, config: ModelConfig, place: Path) -> None:
    found, wanted = _flat(theirs.to_dict()), _flat(config.to_dict())
    others = tuple(f"{name}." for name in PARTICLE_DECODERS if name != config.decoder)
    for name, value in wanted.items():
        if found[name] != value and not name.startswith((*FREE, *others)):
            raise InputError(
                place,
                f"model.{name}",
                found=str(found[name]),
                expected=f"{value}, as the training that starts from it has",
            )


def _flat(values: dict[str, object], above: str = "") -> dict[str, object]:
    """Keys with dots."""
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[above + name] = value
    return flat
