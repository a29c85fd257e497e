"""Generate jets with a trained model, streamed to a shard."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from hypervae.config import GenerateConfig
from hypervae.device import choose_device
from hypervae.errors import ConfigError, HyperVAEError
from hypervae.generation.files import GeneratedWriter
from hypervae.io.guarded import guarded
from hypervae.model import HyperVAE
from hypervae.model.files import WEIGHTS, paths_of
from hypervae.model.sampling import Sampler
from hypervae.model.sampling_config import SamplingConfig
from hypervae.progress import Progress


@guarded(reads=(("model_dir", paths_of),), writes=("output",))
def generate_jets(
    model_dir: str | os.PathLike[str],
    output: str | os.PathLike[str],
    config: GenerateConfig,
    *,
    jet_type: str | None = None,
) -> int:
    """Generate jets into a shard.

    The file's attribute ``settings`` holds the config, the mix of jet types, the model's name and
    a digest of its weights; ``redrawn`` is the number of jets that were not physical at first and
    were drawn again (see `hypervae.model.sampling.is_physical`).

    Parameters
    ----------
    model_dir : path-like
        A trained model.
    output : path-like
    config : GenerateConfig
    jet_type : str, optional
        May be left out if the model knows one type, or for the mix in the config.

    Returns
    -------
    int
        Jets that were drawn again.

    Raises
    ------
    InputError
        If the model is missing or damaged, or the output cannot be written.
    ConfigError
        If both a jet type and a mix are given, or the mix has no positive share.
    HyperVAEError
        If the model does not know a type, or its jets stay unphysical.
    """
    model = HyperVAE.load(model_dir, choose_device(config.device))
    mix = {str(jet_type): share for jet_type, share in config.mix.items()}
    sampler = make_sampler(model, config, chosen_mix(model, mix, jet_type))
    # the device is where, not what
    settings = {key: value for key, value in config.to_dict().items() if key != "device"}
    settings |= {
        "mix": {jet_type: mix.get(jet_type, 1.0) for jet_type in sampler.jet_types},
        "model": Path(model_dir).resolve().name,
        "weights": weights_digest(model_dir),
    }
    writer = GeneratedWriter(
        output,
        model.normalization.max_particles,
        jet_types=sampler.jet_types,
        source="hypervae",
        seed=config.seed,
        settings=settings,
        packages=("torch", "lgatr"),
    )
    label = f"generate {', '.join(sampler.jet_types)}"
    with Progress(config.jets, label, "jets") as progress, writer:
        while writer.n_jets < config.jets:
            size = min(config.batch_size, config.jets - writer.n_jets)
            sample = sampler.draw(size)
            writer.append(sample.jets, sample.types, sample.redrawn)
            progress.update(size)
    return writer.redrawn


def chosen_mix(
    model: HyperVAE, mix: Mapping[str, float], jet_type: str | None
) -> Mapping[str, float]:
    """The shares of the jet types: of the one that is named, of the mix, or of the model's one.

    Parameters
    ----------
    model : HyperVAE
    mix : mapping of str to float
        Share of each type; empty if the config names none.
    jet_type : str, optional
        As asked for on the command line.

    Returns
    -------
    mapping of str to float

    Raises
    ------
    ConfigError
        If both a jet type and a mix are given.
    HyperVAEError
        If neither is, and the model knows several types.
    """
    if jet_type is not None:
        if mix:
            raise ConfigError(f"a jet type ({jet_type}) and a mix ({', '.join(mix)}): give one")
        return {jet_type: 1.0}
    if not mix and len(model.jet_types) > 1:
        raise HyperVAEError(
            f"a jet type or a mix is needed: this model knows {', '.join(model.jet_types)}"
        )
    return mix or {model.jet_types[0]: 1.0}


def make_sampler(
    model: HyperVAE, config: GenerateConfig, mix: Mapping[str, float], hypergraph: bool = False
) -> Sampler:
    """The sampler that a ``generate`` section asks for.

    Parameters
    ----------
    model : HyperVAE
    config : GenerateConfig
    mix : mapping of str to float
        Share of each jet type.
    hypergraph : bool
        Whether edges and hyperedges are decoded as well.

    Returns
    -------
    Sampler
    """
    sampling = SamplingConfig(
        temperature=config.temperature,
        solver=None if config.flow_solver == "auto" else config.flow_solver,
        evaluations=config.flow_evaluations,
        precision=config.flow_precision,
        hypergraph=hypergraph,
    )
    return Sampler(model, seed=config.seed, mix=mix, sampling=sampling)


def weights_digest(model_dir: str | os.PathLike[str]) -> str:
    """16 hexadecimal digits that tell a model's weights from others.

    Parameters
    ----------
    model_dir : path-like
        The trained model.

    Returns
    -------
    str
    """
    return hashlib.sha256((Path(model_dir) / WEIGHTS).read_bytes()).hexdigest()[:16]
