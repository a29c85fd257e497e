"""Teach trained models, on further jets, which draws of their priors to keep.

``python -m benchmarks.refine MODELS --target FOLDER --data JETS --networks 4 --seed 7`` takes the
folders ``MODELS/{type}`` and the shards ``JETS/{type}/*.h5`` of jets that the models never saw. A
prior that is fitted to many jets knows them by heart a little, so that further ones say more of how
it errs. Nothing else of the models changes; one line of JSON says what was gained [nats].
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.arguments import OnceParser
from benchmarks.quality import read
from hypervae.config import TrainConfig
from hypervae.data.jets import concatenate
from hypervae.io.targets import check_targets
from hypervae.model import HyperVAE
from hypervae.model.files import CONFIG, NORMALIZATION, WEIGHTS, files_of
from hypervae.model.posterior import encode_jets
from hypervae.training.acceptance import fit_acceptance
from hypervae.training.initial import with_own_acceptance

_BATCH = 1000


def refine(
    source: Path, target: Path, shards: list[Path], config: TrainConfig, networks: int
) -> float:
    """Fit the acceptance of a trained model and write the model with it; what it gains [nats].

    Parameters
    ----------
    source, target : path
        Folders.
    shards : list of path
        Of jets of the model's type.
    config : TrainConfig
        Its ``acceptance_steps`` and ``seed`` count.
    networks : int
        Of the acceptance.

    Returns
    -------
    float
    """
    files = files_of(source)
    outputs = [("--target", target / name) for name in (WEIGHTS, CONFIG, NORMALIZATION)]
    check_targets((("models", path) for path in files), outputs)
    trained = HyperVAE.load(source)
    model = HyperVAE(
        trained.normalization,
        trained.jet_types,
        trained.config.replace(prior_acceptance=networks),
    )
    model.load_state_dict(with_own_acceptance(trained.state_dict(), model))
    jets = concatenate([read(shard) for shard in shards])
    starts = range(0, len(jets), _BATCH)
    batches = (model.batch(jets[start : start + _BATCH], hypergraph=()) for start in starts)
    gain = fit_acceptance(model.eval(), encode_jets(model, batches), config)
    content: dict[str, Any] = json.loads(files.config.read_text(encoding="utf-8"))
    about = {"jets": len(jets), "seed": config.seed, "steps": config.acceptance_steps}
    training = {**content["training"], "acceptance": {**about, "gain": gain}}
    model.save(target, files.normalization, training)
    return gain


def main() -> None:
    """Refine each model of a folder."""
    parser = OnceParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", type=Path, help="folder of trained models, {type}/")
    parser.add_argument("--target", type=Path, required=True, help="folder for the new ones")
    parser.add_argument("--data", type=Path, required=True, help="folder of shards, {type}/*.h5")
    parser.add_argument("--types", help="jet types, with commas between; default: all there are")
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=500, help="of each network")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    config = TrainConfig(acceptance_steps=options.steps, seed=options.seed)
    types = (
        options.types.split(",")
        if options.types
        else sorted(
            folder.name for folder in options.models.iterdir() if (folder / WEIGHTS).exists()
        )
    )
    found = {}
    for jet_type in types:
        shards = sorted((options.data / jet_type).glob("*.h5"))
        if not shards:
            raise SystemExit(
                f"{options.data / jet_type}: found no shard, expected jets to learn from"
            )
        folders = (options.models / jet_type, options.target / jet_type)
        found[jet_type] = refine(*folders, shards, config, options.networks)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
