"""What a model decoded beside the particles of generated jets: edges and hyperedges.

A generated file does not hold them (at 30 particles they are 30 times its size) but all that it
takes to generate the same jets again; that they are the same is checked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hypervae.config import GenerateConfig
from hypervae.correlators.geometry import pair_count
from hypervae.data.jets import Jets
from hypervae.errors import ConfigError, InputError
from hypervae.generation.files import TypedReader
from hypervae.generation.generate import make_sampler, weights_digest
from hypervae.model import HyperVAE
from hypervae.model.files import CONFIG
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.losses.terms import HYPERGRAPH_TERMS
from hypervae.model.sampling import DrawnJets

#: Largest difference of coordinates, and of jet features relative to their size.
TOLERANCE = 1e-5


class DecodedHypergraphs:
    """Decode the edges and hyperedges of generated jets, by generating the jets again.

    Features are taken back to what they were before the normalization. Those of the k-th slot
    belong to the k-th hardest particle, as in the losses that taught the model. Of a jet with n
    particles:

    ``edge_attr`` [n (n - 1), 5]
        (ln E2C, ln Delta, ln kT, ln z, ln m^2) of the pairs.
    ``hyperedge_...``
        What `HyperedgeMode.export` of the model's hyperedge decoder gives: histograms of the sets
        of each order, or single sets with their incidence.

    Parameters
    ----------
    model_dir : path-like
        The model that made the jets.
    device : str
        Where to generate; take that of the first time where there were GPUs.

    Raises
    ------
    InputError
        If the model is missing or damaged, or was trained without a loss of edges and hyperedges;
        from `batches`, if the file does not say how it was generated, other weights made it, or its
        jets are not those that come out again.
    """

    def __init__(self, model_dir: str | os.PathLike[str], device: str = "cpu"):
        self.model_dir = Path(model_dir)
        self.model = HyperVAE.load(model_dir, device)
        _check_taught(self.model_dir / CONFIG)
        self.normalization = self.model.normalization
        self.mode = HYPEREDGE_MODES[self.model.config.hyperedge_decoder]

    @property
    def metadata(self) -> dict[str, Any]:
        """Names and units of the features, for the exported file."""
        merged = self.normalization
        content: dict[str, Any] = {
            "edge_attr": list(merged.edge.names),
            "decoded_by": self.model_dir.resolve().name,
            "hyperedge_decoder": self.model.config.hyperedge_decoder,
            "hyperedge_orders": list(merged.hyperedge_orders),
        }
        return content | self.mode.export_metadata(merged)

    def batches(self, reader: TypedReader) -> Iterator[tuple[Jets, list[dict[str, Any]]]]:
        """The jets of a generated file, with what the model decoded beside each.

        Parameters
        ----------
        reader : TypedReader
            Of the generated file.

        Yields
        ------
        jets : Jets
            As the file has them.
        extras : list of dict
            ``edge_attr`` (each pair once) and the hyperedges, as float32 tensors.
        """
        config = self._settings(reader)
        mix = {str(jet_type): share for jet_type, share in config.mix.items()}
        sampler = make_sampler(self.model, config, mix, hypergraph=True)
        for start in range(0, reader.n_jets, config.batch_size):
            jets = reader.read(start, start + config.batch_size)
            sample = sampler.draw(min(config.batch_size, config.jets - start))
            _check_same(jets, sample.jets, reader.path, start)
            yield jets, self._extras(jets, sample)

    def _settings(self, reader: TypedReader) -> GenerateConfig:
        """The config that a file was generated with."""
        found = reader.attributes.get("settings", "{}")
        try:
            settings = json.loads(str(found))
            weights = settings.pop("weights")
            settings.pop("model")
            config = GenerateConfig.of(settings)
        except (
            TypeError,
            ValueError,
            KeyError,
            AttributeError,
            RecursionError,
            ConfigError,
        ) as error:
            raise InputError(
                reader.path,
                "settings",
                found=f"{found!r:.100}",
                expected="those of `hypervae generate`: other jets have nothing decoded",
            ) from error
        mine = weights_digest(self.model_dir)
        if weights != mine:
            raise InputError(
                reader.path, "weights", found=weights, expected=f"{mine}, those of {self.model_dir}"
            )
        if config.jets != reader.n_jets:
            raise InputError(
                reader.path, "jets", found=str(reader.n_jets), expected=str(config.jets)
            )
        return config

    def _extras(self, jets: Jets, sample: DrawnJets) -> list[dict[str, Any]]:
        decoded, merged = sample.decoded, self.normalization
        pairs, sets = decoded.hypergraph()
        edges = merged.edge.inverse(pairs.double().cpu().numpy()).astype(np.float32)
        hyperedges = self.mode.export(sets, jets.multiplicity, merged)
        return [
            {"edge_attr": torch.from_numpy(edges[row, : pair_count(int(particles))].copy()), **some}
            for row, (particles, some) in enumerate(zip(jets.multiplicity, hyperedges, strict=True))
        ]


def _check_taught(path: Path) -> None:
    """Check that the decoders of edges and hyperedges were trained, where the config says how."""
    training = json.loads(path.read_text(encoding="utf-8")).get("training", {})
    weights = training.get("config", {}).get("loss_weights", {})
    if weights and not any(weights.get(name) for name in HYPERGRAPH_TERMS):
        raise InputError(
            path,
            "train.loss_weights",
            found=f"0 for {', '.join(HYPERGRAPH_TERMS)}",
            expected="a weight for edges or hyperedges: this model never learned to decode them",
        )


def _check_same(jets: Jets, again: Jets, path: Path, start: int) -> None:
    """Check that jets are those that were generated again."""
    particles = np.abs(jets.particle_features - again.particle_features).max(axis=(1, 2))
    size = np.maximum(np.abs(jets.jet_features), 1.0)
    features = (np.abs(jets.jet_features - again.jet_features) / size).max(axis=1)
    differs = np.flatnonzero(~(np.maximum(particles, features) <= TOLERANCE))
    if len(differs):
        row = int(differs[0])
        raise InputError(
            path,
            f"jet {start + row}",
            found=f"a difference of {max(particles[row], features[row]):.2g}",
            expected=f"at most {TOLERANCE:g} to the jet that the model makes again; other "
            "versions or another device can round differently",
        )
