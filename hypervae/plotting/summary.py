"""All metrics of all models in one figure, in units of the truth floor, and in one table."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hypervae.errors import InputError
from hypervae.io import read_list, write_text
from hypervae.plotting.style import COLOURS, MARKERS, figure_style, save

COLUMNS = (
    "model",
    "jet_type",
    "metric",
    "value",
    "error",
    "floor",
    "floor_error",
    "value_over_floor",
    "unit",
    "jets",
    "reduced",
    "description",
)

_LABELS = {
    "w1m": "W1M",
    "w1p_etarel": r"W1P $\eta^{\mathrm{rel}}$",
    "w1p_phirel": r"W1P $\phi^{\mathrm{rel}}$",
    "w1p_ptrel": r"W1P $p_T^{\mathrm{rel}}$",
    "w1_mass": "$W_1$ mass",
    "w1_multiplicity": "$W_1$ multiplicity",
    "w1_ptrel": r"$W_1$ $p_T^{\mathrm{rel}}$",
    "w1_etarel": r"$W_1$ $\eta^{\mathrm{rel}}$",
    "w1_phirel": r"$W_1$ $\phi^{\mathrm{rel}}$",
    "w1_jet_pt": r"$W_1$ $p_T^{\mathrm{jet}}$",
}


def read_results(paths: Sequence[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """Read results; what is no JSON file by its name is a list file of them.

    Raises
    ------
    InputError
        If there are none, or one is not what ``hypervae evaluate`` writes.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files += [path] if path.suffix == ".json" else read_list(path)
    if not files:
        raise InputError("--results", "files", found="none", expected="at least one JSON file")
    results = []
    for file in files:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            for metric in content["metrics"].values():
                for key in ("value", "error", "floor", "floor_error"):
                    float(metric[key])
            content["jet_type"], content["sizes"]["compared"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                file,
                "results",
                found=f"{type(error).__name__}: {error}",
                expected="what hypervae evaluate --output writes",
            ) from error
        results.append(content)
    return results


def table_rows(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a model, jet type and metric, in the columns `COLUMNS`."""
    return [
        {
            "model": result.get("model") or "",
            "jet_type": result["jet_type"],
            "metric": name,
            **{key: metric[key] for key in ("value", "error", "floor", "floor_error")},
            # Without a floor above 0 there is no such ratio.
            "value_over_floor": metric["value"] / metric["floor"] if metric["floor"] > 0 else "",
            "unit": metric.get("unit", ""),
            "jets": result["sizes"]["compared"],
            "reduced": str(bool(result.get("protocol", {}).get("reduced"))).lower(),
            "description": metric.get("description", ""),
        }
        for result in results
        for name in _ordered(result["metrics"])
        for metric in (result["metrics"][name],)
    ]


def write_table(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows as CSV, atomically."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def draw_summary(results: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw value over floor, a line a metric, a marker a model and jet type."""
    metrics = _ordered(name for result in results for name in result["metrics"])
    height = 1.6 + len(metrics) * max(0.42, 0.16 * len(results))
    figure, axis = plt.subplots(figsize=(9.0, height), layout="constrained")
    offsets = np.linspace(0.3, -0.3, len(results)) if len(results) > 1 else [0.0]
    for index, (result, offset) in enumerate(zip(results, offsets, strict=True)):
        model = result.get("model")
        label = f"{model}, {result['jet_type']}" if model else result["jet_type"]
        points = [
            (value, *interval, len(metrics) - 1 - row + offset)
            for row, name in enumerate(metrics)
            if (value := _in_floors(result["metrics"].get(name))) is not None
            and (interval := _interval(result["metrics"][name], value))
        ]
        if not points:
            continue
        x, low, high, y = np.array(points).T
        axis.errorbar(
            x,
            y,
            xerr=[x - low, high - x],
            linestyle="",
            marker=MARKERS[index % len(MARKERS)],
            color=COLOURS[index % len(COLOURS)],
            elinewidth=1.2,
            label=label,
        )
    axis.axvline(1.0, color="#333333", linewidth=1.2, label="truth floor")
    axis.set_xscale("log")
    axis.set_yticks(range(len(metrics)), [_LABELS.get(name, name) for name in reversed(metrics)])
    axis.tick_params(axis="y", which="both", length=0)
    axis.minorticks_on()
    axis.yaxis.minorticks_off()
    axis.set_ylim(-0.6, len(metrics) - 0.4)
    for row in range(0, len(metrics), 2):
        axis.axhspan(row - 0.5, row + 0.5, color="#F3F3F3", zorder=0)
    axis.set_xlabel("distance to the held-out jets / truth floor  (1: as good as real jets)")
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def _ordered(names: Iterable[str]) -> list[str]:
    """Names of metrics, each once: those of `_LABELS` in its order, then others by name."""
    found = set(names)
    return [name for name in _LABELS if name in found] + sorted(found - set(_LABELS))


def _in_floors(metric: Mapping[str, Any] | None) -> float | None:
    """A metric in units of its floor; None where that cannot stand on a log axis."""
    if metric is None or metric["floor"] <= 0 or metric["value"] <= 0:
        return None
    return metric["value"] / metric["floor"]


def _interval(metric: Mapping[str, Any], value: float) -> tuple[float, float]:
    """One standard error about value / floor, from those of both, in the logarithm."""
    relative = math.hypot(
        metric["error"] / metric["value"], metric["floor_error"] / metric["floor"]
    )
    return value * math.exp(-relative), value * math.exp(relative)


def plot_summary(
    results: Sequence[str | os.PathLike[str]],
    table: str | os.PathLike[str],
    output: str | os.PathLike[str],
    output_pdf: str | os.PathLike[str] | None,
    config: Mapping[str, Any],
) -> None:
    """Draw and tabulate the results of many evaluations.

    Parameters
    ----------
    results : sequence of path-like
        JSON files of ``hypervae evaluate``, or list files of them.
    table : path-like
        The table (CSV).
    output, output_pdf : path-like
        The figure as PNG and PDF.
    config : mapping
        The section ``plot``.
    """
    read = read_results(results)
    write_table(table, table_rows(read))
    with figure_style(config):
        save(draw_summary(read), config["dpi"], output, output_pdf)
