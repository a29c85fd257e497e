"""The metrics of all models as tables: all numbers as CSV, and HTML for people."""

from __future__ import annotations

import csv
import html
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hypervae.io import write_text
from hypervae.plotting.metrics import in_floors, ordered
from hypervae.plotting.names import JET_NAMES
from hypervae.plotting.published import PUBLISHED, Published

COLUMNS = (
    "model",
    "jet_type",
    "group",
    "metric",
    "value",
    "error",
    "floor",
    "floor_error",
    "unit",
    "value_over_floor",
    "in_floors",
    "jets",
    "reduced",
    "unavailable",
    "description",
)
_NUMBERS = ("value", "error", "floor", "floor_error")
# What others publish, in the order of the table, each in a power of ten as they print it.
_STANDARD = {
    "w1m": ("W1M", -3),
    "w1p": ("W1P", -3),
    "w1efp": ("W1EFP", -5),
    "fpnd": ("FPND", 0),
    "cov": ("Cov (more is better)", 0),
    "mmd": ("MMD", 0),
    "fpd": ("FPD", -3),
    "kpd": ("KPD", -3),
}
#: What must be known where our numbers stand beside those of others.
COMPARABILITY = (
    "Measured by others on the real JetNet dataset, with their own splits, versions of the metrics "
    "and 50,000 jets a side where no other number is said: a frame for our numbers, not a ranking. "
    "Each is best compared with the floor of its own row. Distances grow as samples shrink; where "
    "the jets of this work are simulated, its models have learned from other jets than theirs; and "
    "where conditions were taken from real jets, part of a generated jet was given."
)
_EXPONENT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_STYLE = """
body { font: 14px/1.4 sans-serif; margin: 1em 2em; color: #222; }
table { border-collapse: collapse; margin: 0.6em 0 1.4em; }
th, td { padding: 3px 10px; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; vertical-align: bottom; white-space: normal; }
thead th.others { min-width: 5em; max-width: 7em; }
thead th[colspan] { text-align: left; max-width: none; }
.others { background: #f4f1e6; }
.floor { color: #666; }
.none { color: #999; }
.wide { overflow-x: auto; }
li { margin: 0.2em 0; }
summary { cursor: pointer; font-weight: bold; }
"""


def table_rows(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a model, jet type and metric, in the columns `COLUMNS`.

    Metrics that could not be computed have no numbers and the reason instead.

    Parameters
    ----------
    results : sequence of mapping
        Of each evaluation.

    Returns
    -------
    list of dict
    """
    rows = []
    for result in results:
        unavailable = result.get("unavailable", {})
        for name in ordered([*result["metrics"], *unavailable]):
            metric = result["metrics"].get(name)
            row = dict.fromkeys(COLUMNS, "") | {
                "model": result.get("model") or "",
                "jet_type": result["jet_type"],
                "metric": name,
                "unavailable": unavailable.get(name, ""),
            }
            rows.append(row if metric is None else row | _numbers(name, metric, result))
    return rows


def _numbers(name: str, metric: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    protocol, group = result.get("protocol", {}), metric.get("group", "")
    asked = protocol.get("jets_asked", {}).get(group)
    jets = protocol.get("jets_used", {}).get(group, result["sizes"]["compared"])
    floors = in_floors(name, metric)
    return {
        **{key: metric[key] for key in _NUMBERS},
        "group": group,
        "unit": metric.get("unit", ""),
        # Without a floor above 0 there is no such ratio.
        "value_over_floor": metric["value"] / metric["floor"] if metric["floor"] > 0 else "",
        "in_floors": "" if floors is None else floors.value,
        "jets": jets,
        "reduced": str(asked is not None and jets < asked).lower(),
        "description": metric.get("description", ""),
    }


def write_table(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows as CSV, atomically.

    Parameters
    ----------
    path : path-like
    rows : sequence of mapping
        As `table_rows` gives them.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def html_table(results: Sequence[Mapping[str, Any]]) -> str:
    """The results as a page: of each jet type, standard metrics beside published ones, then all.

    Parameters
    ----------
    results : sequence of mapping
        Of each evaluation.

    Returns
    -------
    str
    """
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Metrics</title>\n<style>{_STYLE}</style></head>\n<body><h2>Metrics</h2>\n"
        "<p>Each value stands beside its <b>truth floor</b> (grey): the same metric, by the same "
        "protocol and of equally many jets, of training against held-out jets. Errors are "
        "statistical. All numbers are in summary.csv.</p>\n"
    ]
    for jet_type in dict.fromkeys(result["jet_type"] for result in results):
        chosen = [result for result in results if result["jet_type"] == jet_type]
        parts.append(
            f"<h3>{html.escape(JET_NAMES.get(jet_type, jet_type)).capitalize()} jets</h3>\n"
        )
        parts.append(standard_table(jet_type, chosen, [one for one in PUBLISHED if is_30(one)]))
        parts.append(_notes(chosen))
        parts.append(_of_150(jet_type, chosen))
        parts.append(_all(chosen))
    parts.append(sources(PUBLISHED))
    return "".join([*parts, "</body></html>\n"])


def is_30(entry: Published) -> bool:
    """Whether a published result is of JetNet's version with 30 particles.

    Parameters
    ----------
    entry : Published

    Returns
    -------
    bool
    """
    return entry.particles == 30


def _of_150(jet_type: str, results: Sequence[Mapping[str, Any]]) -> str:
    """The same beside results on the version with 150 particles, folded away."""
    others = [one for one in PUBLISHED if not is_30(one) and jet_type in one.values]
    table = standard_table(jet_type, results, others)
    return f"<details><summary>Beside jets of 150 particles</summary>\n{table}</details>\n"


def standard_table(
    jet_type: str,
    results: Sequence[Mapping[str, Any]],
    published: Sequence[Published],
    metrics: Sequence[str] = tuple(_STANDARD),
) -> str:
    """Standard metrics of one jet type beside those that others published.

    Parameters
    ----------
    jet_type : str
    results : sequence of mapping
        Of the evaluations of this type.
    published : sequence of Published
        Those with numbers for this type are shown, by their places in `PUBLISHED`.
    metrics : sequence of str
        Of the standard ones.

    Returns
    -------
    str
        HTML.
    """
    others = [entry for entry in published if jet_type in entry.values]
    head = "<tr><th></th>"
    head += f'<th colspan="{2 * len(results)}">this work: value, truth floor</th>'
    if others:
        head += (
            f'<th class="others" colspan="{len(others)}">measured by others on the real '
            f"JetNet-{others[0].particles} dataset</th>"
        )
    head += "</tr>\n<tr><th>metric</th>"
    head += "".join(
        f'<th>{html.escape(_model(result))}</th><th class="floor">floor</th>' for result in results
    )
    head += "".join(
        f'<th class="others">{html.escape(entry.name)} [{PUBLISHED.index(entry) + 1}]</th>'
        for entry in others
    )
    rows = []
    for name in metrics:
        text, power = _STANDARD[name]
        unit = f" [10{str(power).translate(_EXPONENT)}]" if power else ""
        cells = [f"<td>{text}{unit}</td>"]
        for result in results:
            cells += _ours(name, result, power)
        cells += [_theirs(name, jet_type, entry, power) for entry in others]
        rows.append(f"<tr>{''.join(cells)}</tr>\n")
    return _table(head + "</tr>\n", rows)


def _ours(name: str, result: Mapping[str, Any], power: int) -> list[str]:
    metric = result["metrics"].get(name)
    if metric is None:
        reason = html.escape(result.get("unavailable", {}).get(name, "not asked for"))
        return [f'<td class="none" title="{reason}">–</td>', '<td class="none">–</td>']
    scale = 10.0**-power
    value, error, floor, floor_error = (metric[key] * scale for key in _NUMBERS)
    return [
        f"<td>{with_error(value, error)}</td>",
        f'<td class="floor">{with_error(floor, floor_error)}</td>',
    ]


def _theirs(name: str, jet_type: str, entry: Published, power: int) -> str:
    number = entry.values[jet_type].get(name)
    if number is None:
        return '<td class="others none">–</td>'
    value, error = (None if part is None else part * 10.0**-power for part in number)
    # as printed: to how many digits is the authors' matter
    text = f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.4g}"
    return f'<td class="others">{text}</td>'


def _notes(results: Sequence[Mapping[str, Any]]) -> str:
    """What must be known to read the numbers: reduced protocols, and what is unavailable."""
    lines = []
    for result in results:
        model = _model(result)
        lines += [f"{model}: {note}" for note in result.get("protocol", {}).get("notes", ())]
        reasons: dict[str, list[str]] = {}
        for name, reason in result.get("unavailable", {}).items():
            reasons.setdefault(reason, []).append(name)
        lines += [f"{model}: no {', '.join(names)}: {why}" for why, names in reasons.items()]
    return _list(lines)


def _all(results: Sequence[Mapping[str, Any]]) -> str:
    """Every metric of every model."""
    names = ordered(name for result in results for name in result["metrics"])
    head = "<tr><th>metric</th><th>unit</th>" + "".join(
        f'<th>{html.escape(_model(result))}</th><th class="floor">floor</th><th>in floors</th>'
        for result in results
    )
    rows = []
    for name in names:
        about = next(r["metrics"][name] for r in results if name in r["metrics"])
        better = " (more is better)" if about.get("higher_is_better") else ""
        title = html.escape(about.get("description", ""))
        unit = about.get("unit", "1")
        cells = [f'<td title="{title}">{html.escape(name)}{better}</td>']
        cells.append(f"<td>{'' if unit == '1' else html.escape(unit)}</td>")
        for result in results:
            cells += _ours(name, result, 0)
            metric = result["metrics"].get(name)
            floors = None if metric is None else in_floors(name, metric)
            cells.append(f"<td>{'–' if floors is None else f'{floors.value:.3g}'}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>\n")
    table = _table(head + "</tr>\n", rows)
    return f"<details><summary>All {len(names)} metrics</summary>\n{table}</details>\n"


def sources(published: Sequence[Published]) -> str:
    """How published results compare, and where they are from.

    Parameters
    ----------
    published : sequence of Published

    Returns
    -------
    str
        HTML.
    """
    lines = [
        f"[{PUBLISHED.index(entry) + 1}] {entry.name}: arXiv:{entry.arxiv}; {entry.source}."
        for entry in published
    ]
    return (
        "<h3>Sources of the published results</h3>\n"
        f"<p>{html.escape(COMPARABILITY)}</p>\n{_list(lines)}"
    )


def _table(head: str, rows: Iterable[str]) -> str:
    body = "".join(rows)
    return f'<div class="wide"><table><thead>{head}</thead>\n<tbody>{body}</tbody></table></div>\n'


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{html.escape(line)}</li>\n" for line in lines)
    return f"<ul>{items}</ul>\n" if items else ""


def _model(result: Mapping[str, Any]) -> str:
    return f"model {result['model']}" if result.get("model") else "generated"


def with_error(value: float, error: float) -> str:
    """A value with its error, both to two digits of the error: ``0.0211 ± 0.0015``.

    Parameters
    ----------
    value, error : float
        In one unit.

    Returns
    -------
    str
    """
    if not error > 0:
        return f"{value:.4g} ± 0"
    digits = 1 - math.floor(math.log10(error))
    if digits > 7:
        return f"{value:.3e} ± {error:.1e}"
    if digits < 0:
        value, error, digits = round(value, digits), round(error, digits), 0
    return f"{value:.{digits}f} ± {error:.{digits}f}"
