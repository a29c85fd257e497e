"""The model cards of the weights that come along: ``hypervae/pretrained/{type}/card.md``.

``python -m benchmarks.cards --types t --data FOLDER --seed 1`` scores the weights as
`benchmarks.quality` does, with the jets that it simulates (or finds) in ``FOLDER/1``, writes the
cards and prints one line of JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.arguments import OnceParser
from benchmarks.quality import PARTICLES, data_folder, measure, simulated
from hypervae.io import write_text
from hypervae.model.files import files_of
from hypervae.model.pretrained import pretrained_folder, pretrained_types
from hypervae.plotting.names import JET_NAMES

_NAMES = {
    "w1m": "W1M",
    "w1p_etarel": "W1P, etarel",
    "w1p_phirel": "W1P, phirel",
    "w1p_ptrel": "W1P, ptrel",
    "w1efp": "W1EFP",
    "multiplicity": "W1 of the multiplicity",
    "tau21": "W1 of tau21",
    "tau32": "W1 of tau32",
    "kept_over_full_mass": "W1 of kept over full mass",
    "sum_ptrel": "W1 of the summed ptrel",
    "deviation_e2c": "deviation of E2C",
    "deviation_e3c": "deviation of E3C",
}
_DIRECTED = ", for jets that lie within R of their axis"
_TEMPLATE = Path(__file__).with_name("card_template.md")


def main() -> None:
    """Score, write and print."""
    parser = OnceParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--types", help="jet types, with commas between; default: all there are")
    parser.add_argument("--seed", type=int, default=1, help="of the jets and of the generation")
    parser.add_argument("--evaluations", type=int, default=10, help="of the network, a jet")
    parser.add_argument("--data", type=Path, required=True, help="folder of the simulated jets")
    parser.add_argument("--shards", type=int, default=10, help="shards of 5,000 jets a type")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    options.pretrained, options.particles = True, PARTICLES
    types = options.types.split(",") if options.types else pretrained_types()
    data = data_folder(options, options.data)
    simulated(types, data, options)
    line: dict[str, Any] = {}
    for jet_type in types:
        folder = pretrained_folder(jet_type)
        found, about = measure(jet_type, data, folder, options)
        line[jet_type] = found
        content = json.loads(files_of(folder).config.read_text(encoding="utf-8"))
        text = card(jet_type, content, found, about, options.evaluations)
        write_text(folder / "card.md", text)
    print(json.dumps(line))


def card(
    jet_type: str,
    content: Mapping[str, Any],
    found: Mapping[str, Any],
    about: Mapping[str, Any],
    evaluations: int,
) -> str:
    """The card of one model, of its config, its scores and what `measure` says about it."""
    model, training = content["model"], content["training"]
    train = training["config"]
    rows = [
        f"| {title} | {found[name][0]:.2f} ± {found[name][1]:.2f} |"
        for name, title in _NAMES.items()
    ]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        jet_type=jet_type,
        title=JET_NAMES[jet_type],
        particles=content["max_particles"],
        radius=model["hierarchical"]["jet_radius"],
        jets=f"{training['training_jets']:,}",
        further=_further(training.get("acceptance")),
        decoder=model["decoder"],
        prior=model["prior"],
        parameters=f"{about['parameters']:,}",
        steps=f"{train['steps']:,}",
        batch=train["batch_size"],
        optimizer=train["optimizer"],
        prior_steps=f"{train['prior_steps']:,}",
        seed=train["seed"],
        precision=training["precision"],
        generated=f"{about['generated']:,}",
        evaluations=evaluations,
        within=_DIRECTED if model["hierarchical"].get("edge") == "directed" else "",
        rows="\n".join(rows),
        auc=f"{found['auc'][0]:.3f} ± {found['auc'][1]:.3f}",
        **{name: _thousandths(found[name]) for name in ("fpd", "fpd_truth")},
    )


def _further(acceptance: Mapping[str, Any] | None) -> str:
    if acceptance is None:
        return ""
    return f", and on {acceptance['jets']:,} further ones which draws of its prior to keep"


def _thousandths(value: Sequence[float]) -> str:
    return f"({1e3 * value[0]:.2f} ± {1e3 * value[1]:.2f})"


if __name__ == "__main__":
    main()
