"""Trained models become the weights that come along: ``hypervae/pretrained/{type}/``.

``python -m benchmarks.release MODELS`` takes the folders ``MODELS/{type}`` that ``hypervae train``
wrote. Weights of networks are rounded to half precision, which halves the files and moves a weight
by 0.05 % at most; tables stay as they are. `benchmarks.cards` then measures what is shipped.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from benchmarks.arguments import OnceParser
from hypervae.io import atomic_path
from hypervae.io.targets import check_targets
from hypervae.model import HyperVAE
from hypervae.model.files import CONFIG, NORMALIZATION, WEIGHTS, files_of
from hypervae.model.pretrained import pretrained_folder


def release(source: Path, target: Path) -> int:
    """Copy a trained model, its weights rounded; the bytes of the new weights.

    Parameters
    ----------
    source, target : path
        Folders.

    Returns
    -------
    int
    """
    files = files_of(source)
    outputs = [("--target", target / name) for name in (WEIGHTS, CONFIG, NORMALIZATION)]
    check_targets((("models", path) for path in files), outputs)
    networks = {name for name, _ in HyperVAE.load(source).named_parameters()}
    state = {
        name: value.to(torch.float16) if name in networks else value
        for name, value in load_file(files.weights).items()
    }
    too_large = [name for name, value in state.items() if not _finite(value)]
    if too_large:
        raise SystemExit(f"{files.weights}: {too_large[0]}: found values beyond half precision")
    target.mkdir(parents=True, exist_ok=True)
    for path in (files.config, files.normalization):
        with atomic_path(target / path.name) as temporary:
            shutil.copyfile(path, temporary)
    with atomic_path(target / WEIGHTS) as temporary:
        save_file(state, temporary)
    return (target / WEIGHTS).stat().st_size


def _finite(value: torch.Tensor) -> bool:
    return value.dtype != torch.float16 or bool(torch.isfinite(value).all())


def main() -> None:
    """Release each model of a folder."""
    parser = OnceParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", type=Path, help="folder of trained models, {type}/")
    parser.add_argument("--target", type=Path, default=pretrained_folder("t").parent)
    options = parser.parse_args()
    found = {
        folder.name: release(folder, options.target / folder.name)
        for folder in sorted(options.models.iterdir())
        if folder.is_dir()
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
