"""A training that notes the gradient of its first step and the losses of all.

Run as a module, since several processes start by running the same command again:
``python -m tests.unit.training.recorded SETTINGS.json OUTPUT.pt``.
"""

import json
import sys
from pathlib import Path

import torch
from lightning.fabric import Fabric

from hypervae.config import resolve_section
from hypervae.logs import show_on_terminal
from hypervae.training.run import TrainingFiles, train
from hypervae.training.step import Optimization


def main(settings: str, output: str) -> None:
    show_on_terminal()
    torch.set_num_threads(1)
    about = json.loads(Path(settings).read_text())
    gradient: dict[str, torch.Tensor] = {}
    outcomes = []
    step, clip = Optimization.step, Fabric.clip_gradients

    def noted_clip(self, module, *arguments, **options):
        if not gradient:
            gradient.update(
                (name, p.grad.clone())
                for name, p in module.module.named_parameters()
                if p.grad is not None
            )
        return clip(self, module, *arguments, **options)

    def noted_step(self, taken, **options):
        outcomes.append(step(self, taken, **options))
        return outcomes[-1]

    Fabric.clip_gradients, Optimization.step = noted_clip, noted_step
    folder = Path(output).parent
    model = train(
        TrainingFiles(*about["files"]),
        folder / "model",
        folder / "checkpoints",
        resolve_section("train", about["config"]),
        jet_types=about["jet_types"],
    )
    if model is not None:
        torch.save(
            {
                "gradient": gradient,
                "losses": [outcome.terms["total"] for outcome in outcomes],
                "norms": [outcome.gradient_norm for outcome in outcomes],
            },
            output,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
