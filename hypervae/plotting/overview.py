"""The page that the report opens with: what was run, how good it is, beside what others published.

It stands for itself, and inside of Snakemake's report, whose own layout it widens while it is seen.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import yaml

from hypervae import __version__
from hypervae.config import PlotConfig
from hypervae.formats.evaluation import read_arrays
from hypervae.formats.timings import StageTime
from hypervae.io import write_text
from hypervae.io.guarded import guarded
from hypervae.plotting.highlights import MOST, draw_highlights
from hypervae.plotting.metrics import in_floors
from hypervae.plotting.names import JET_NAMES
from hypervae.plotting.page import embedded
from hypervae.plotting.published import PUBLISHED
from hypervae.plotting.run import Run, files_of_run, machine, read_run
from hypervae.plotting.style import figure_style, save
from hypervae.plotting.table import sources, standard_table

#: A run is a demonstration, and its page says so first, where a model had fewer jets of a type to
#: learn from, or fewer were compared: published models learned from about 120,000 jets a type and
#: were compared with 50,000; a truth floor of 10,000 jets is still twice as high as of those.
FEWEST_TRAINED, FEWEST_COMPARED = 50_000, 10_000

#: Of the standard metrics, those of the table.
HEADLINES = ("w1m", "w1p", "w1efp", "fpnd", "fpd")

_STYLE = """
.hypervae-overview { font: 14px/1.45 sans-serif; color: #222; max-width: 78em; }
.hypervae-overview h1 { font-size: 1.5em; margin: 0.2em 0; }
.hypervae-overview h2 { font-size: 1.15em; margin: 1.4em 0 0.3em; }
.hypervae-overview h3 { font-size: 1em; margin: 0.9em 0 0.2em; }
.hypervae-overview p, .hypervae-overview li { max-width: 62em; margin: 0.4em 0; }
.hypervae-overview img { max-width: 100%; height: auto; margin: 0.4em 0; }
.hypervae-overview table { border-collapse: collapse; width: auto; margin: 0.4em 0 0.8em; }
.hypervae-overview th, .hypervae-overview td
  { padding: 3px 10px; border-bottom: 1px solid #ddd; text-align: right; }
.hypervae-overview td { white-space: nowrap; }
.hypervae-overview th:first-child, .hypervae-overview td:first-child { text-align: left; }
.hypervae-overview thead th
  { border-bottom: 2px solid #888; vertical-align: bottom; max-width: 9em; }
.hypervae-overview thead th[colspan] { text-align: left; max-width: none; }
.hypervae-overview .facts td { text-align: left; white-space: normal; vertical-align: top; }
.hypervae-overview .demonstration { color: #a33c00; }
.hypervae-overview .others { background: #f4f1e6; }
.hypervae-overview .floor { color: #666; }
.hypervae-overview .none { color: #999; }
.hypervae-overview .wide { overflow-x: auto; }
.hypervae-overview summary { cursor: pointer; }
.hypervae-overview pre { font-size: 12px; background: #f6f6f6; color: #222; padding: 0.6em; }
.prose:has(.hypervae-overview) { max-width: none !important; }
.grow.flex:has(> div > .prose .hypervae-overview) { flex-direction: column; }
.h-screen.overflow-auto:has(.hypervae-overview) { align-items: flex-start !important; }
"""


@guarded(reads=(("folder", files_of_run),), writes=("output", "output_pdf", "page"))
def plot_overview(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    output_pdf: str | os.PathLike[str] | None,
    config: PlotConfig,
    page: str | os.PathLike[str] | None = None,
) -> None:
    """Draw generated beside real jets of a run, and write the page about the run.

    Parameters
    ----------
    folder : path-like
        The results of the run.
    output, output_pdf : path-like
        The figure as PNG and PDF.
    config : PlotConfig
    page : path-like, optional
        The page (HTML).

    Raises
    ------
    InputError
        As `read_run` and `read_arrays`.
    """
    run = read_run(folder)
    shown = run.results[:MOST]
    arrays = [run.folder / f"evaluation/{one['model']}/{one['jet_type']}.h5" for one in shown]
    with figure_style(config):
        figure = draw_highlights([read_arrays(path) for path in arrays], config.bins)
        save(figure, config.dpi, output, output_pdf)
    if page is not None:
        write_text(page, overview(run, embedded(output, "generated and real jets"), machine()))


def shortfalls(run: Run) -> list[str]:
    """Why a run is small, in words; empty if it is not.

    Parameters
    ----------
    run : Run

    Returns
    -------
    list of str
    """
    found = []
    for result in run.results:
        model, compared = run.models[result["model"]], result["sizes"]["compared"]
        learned = model.training_jets // len(run.config["models"][model.name]["jet_types"])
        if learned < FEWEST_TRAINED or compared < FEWEST_COMPARED:
            found.append(
                f"{_jets(result)}: {learned:,} to learn from, {compared:,} of each sample compared"
            )
    return found


def overview(run: Run, figure: str, where: str) -> str:
    """The page.

    Parameters
    ----------
    run : Run
    figure : str
        Of generated beside real jets, as an HTML element.
    where : str
        The machine, in words.

    Returns
    -------
    str
    """
    parts = [
        _first(run),
        _what_was_run(run, where),
        "<h2>Generated beside real jets</h2>\n",
        figure,
    ]
    parts.append(
        f"<p>{_beyond(run)}Orange: generated; grey: held-out real jets; blue: real jets that the "
        "models learned from. Bands are statistical errors. Above each panel the 1-Wasserstein "
        "distance between generated and held-out jets, and its truth floor. The other figures, "
        "with their captions, are in the menu of the report.</p>\n"
    )
    summary = run.folder / "plots" / "summary.png"
    if summary.exists():
        parts += ["<h2>All metrics, in truth floors</h2>\n", embedded(summary, "all metrics")]
        parts.append(
            "<p>Each metric between generated and held-out jets over the same between real jets "
            "and held-out ones: 1 is as good as equally many real jets.</p>\n"
        )
    parts += [_headlines(run), _details(run)]
    body = "".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>HyperVAE: overview'
        f"</title></head>\n<body><div class='hypervae-overview'><style>{_STYLE}</style>\n{body}"
        "</div></body></html>\n"
    )


def _jets(result: Mapping[str, Any]) -> str:
    jet_type = result["jet_type"]
    return f"model {result['model']}, {JET_NAMES.get(jet_type, jet_type)} jets"


def _first(run: Run) -> str:
    """Title and what must be read first."""
    small = shortfalls(run)
    lines = ["<h1>HyperVAE: generated jets beside real ones</h1>\n"]
    if small:
        lines = [
            "<h1 class='demonstration'>Demonstration: a small run of HyperVAE</h1>\n<p>It shows "
            "that the chain works and what comes out of it, not how good the method is: "
            f"{html.escape('; '.join(small))}. (A run is called a demonstration below "
            f"{FEWEST_TRAINED:,} jets of a type to learn from, or {FEWEST_COMPARED:,} compared.)"
            "</p>\n"
        ]
    lines.append(
        "<p>Models learned jets from their particles and energy correlators; what they generate is "
        "compared with held-out jets. Each distance stands beside its <b>truth floor</b>: the same "
        "distance, by the same protocol and of equally many jets, between real jets that were "
        "learned from and held-out ones. A perfect model reaches the floor; a value below it is "
        "statistical fluctuation.</p>\n"
    )
    return "".join(lines)


def _what_was_run(run: Run, where: str) -> str:
    head = ["model", "jets", "source", "learned from", "held out", "generated", "compared"]
    head += ["training", "median metric [floors]", "worst [floors]"]
    rows = [_row(run, result) for result in run.results]
    times = [part for stage in run.timings.values() for part in stage.values()]
    spent = _minutes(times) if times else "not recorded"
    facts = {
        "time": f"all jobs together {spent}; by stage below",
        "machine": where + ("; trained on a GPU" if _on_gpu(run) else ""),
        "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, HyperVAE {__version__}",
        "config": "results/config.yaml, in full below",
        "made of": _of_models({one.name: one.parts for one in run.models.values()}),
        "which group is exact": _of_models(
            {one.name: one.symmetry for one in run.models.values() if one.symmetry}
        ),
    }
    lines = "".join(
        f"<tr><td>{html.escape(key)}</td><td>{html.escape(value)}</td></tr>\n"
        for key, value in facts.items()
        if value
    )
    return (
        f"<h2>What was run</h2>\n{_table(head, rows)}"
        f"<table class='facts'><tbody>{lines}</tbody></table>\n"
    )


def _row(run: Run, result: Mapping[str, Any]) -> list[str]:
    """What was done for one model and jet type, and what came out in a word."""
    model, sizes = run.models[result["model"]], result["sizes"]
    source = run.config["data"]["jet_types"][result["jet_type"]]["source"]
    training = "as it was"
    if model.epochs:
        took = run.timings.get("train", {}).get(model.name)
        epochs = "1 epoch" if model.epochs == 1 else f"{model.epochs} epochs"
        training = f"{epochs}, {model.steps:,} steps" + (
            f", {took.wall / 60:.1f} min" if took else ""
        )
    floors = {
        name: found.value
        for name, metric in result["metrics"].items()
        if (found := in_floors(name, metric)) is not None and found.clear
    }
    median = worst = "–"
    if floors:
        median = f"{np.median(list(floors.values())):.2g}"
        name = max(floors, key=lambda metric: floors[metric])
        worst = f"{floors[name]:.2g} ({name})"
    return [
        model.name,
        JET_NAMES.get(result["jet_type"], result["jet_type"]),
        source,
        *(f"{count:,}" for count in (model.training_jets, sizes["test"], sizes["generated"])),
        f"{sizes['compared']:,}",
        training,
        median,
        worst,
    ]


def _of_models(texts: Mapping[str, str]) -> str:
    """What is said of models, once where it is the same of all."""
    found: dict[str, list[str]] = {}
    for name, text in texts.items():
        found.setdefault(text, []).append(name)
    if len(found) == 1:
        return next(iter(found))
    return " ".join(f"Model {', '.join(names)}: {text}" for text, names in found.items())


def _on_gpu(run: Run) -> bool:
    return any(model.on_gpu for model in run.models.values())


def _beyond(run: Run) -> str:
    more = len(run.results) - MOST
    return f"The first {MOST} of {len(run.results)} evaluations. " if more > 0 else ""


def _headlines(run: Run) -> str:
    """Standard metrics beside published ones, by jet type."""
    particles = 30 if run.config["data"]["max_particles"] <= 30 else 150
    published = [one for one in PUBLISHED if one.headline and one.particles == particles]
    parts = ["<h2>Beside published results</h2>\n"]
    jet_types = dict.fromkeys(result["jet_type"] for result in run.results)
    for jet_type in jet_types:
        chosen = [result for result in run.results if result["jet_type"] == jet_type]
        metrics = [name for name in HEADLINES if _known(name, jet_type, chosen, published)]
        source = run.config["data"]["jet_types"][jet_type]["source"]
        title = f"{JET_NAMES.get(jet_type, jet_type)} jets"
        parts.append(f"<h3>{html.escape(title[0].upper() + title[1:])}, {source}</h3>\n")
        parts.append(standard_table(jet_type, chosen, published, metrics))
    used = [one for one in published if jet_types.keys() & one.values.keys()]
    return "".join([*parts, sources(used) if used else "<p>None known of these jets.</p>\n"])


def _known(
    name: str, jet_type: str, results: Sequence[Mapping[str, Any]], published: Sequence[Any]
) -> bool:
    ours = any(name in result["metrics"] for result in results)
    return ours or any(name in one.values.get(jet_type, {}) for one in published)


def _details(run: Run) -> str:
    rows = [
        [stage, str(sum(part.jobs for part in parts.values())), *_wall_and_cpu(parts.values())]
        for stage, parts in run.timings.items()
    ]
    config = html.escape(yaml.safe_dump(run.config, sort_keys=True))
    table = _table(("stage", "jobs", "wall time [min]", "CPU time [min]"), rows)
    return (
        f"<h2>Details</h2>\n<details><summary>Time by stage</summary>{table}</details>\n"
        "<details><summary>The config, with all defaults (results/config.yaml)</summary>"
        f"<pre>{config}</pre></details>\n"
    )


def _wall_and_cpu(parts: Any) -> list[str]:
    return [f"{sum(getattr(part, key) for part in parts) / 60:.1f}" for key in ("wall", "cpu")]


def _minutes(parts: Sequence[StageTime]) -> str:
    wall, cpu = _wall_and_cpu(parts)
    return f"{wall} min ({cpu} min of CPU)"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in rows
    )
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class='wide'>{table}</div>\n"
