"""The results of an evaluation as people read them: a table of text or of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

# What is shown decides no result.
DECIDES_RESULTS_OF = ()


def text_table(results: Mapping[str, Any]) -> str:
    """The metrics, each with its error and its truth floor, and what must not be overlooked.

    Parameters
    ----------
    results : mapping
        As `hypervae.evaluation.evaluate.evaluate` says.

    Returns
    -------
    str
        Lines.
    """
    sizes, metrics = results["sizes"], results["metrics"]
    kind = f", type {results['jet_type']}" if results["jet_type"] else ""
    lines = [f"{sizes['compared']} jets a side{kind}"]
    width = max(map(len, ["metric", *metrics])) + 1
    lines.append(f"{'metric':<{width}}{'value':>11}{'error':>10}{'floor':>11}{'error':>10}  unit")
    lines += [
        f"{name:<{width}}{metric['value']:>11.4g}{metric['error']:>10.2g}"
        f"{metric['floor']:>11.4g}{metric['floor_error']:>10.2g}  {metric['unit']}"
        f"{'  (higher is better)' if metric['higher_is_better'] else ''}"
        for name, metric in metrics.items()
    ]
    return "\n".join([*lines, *_remarks(results)])


def html_table(results: Mapping[str, Any]) -> str:
    """The same as `text_table` for notebooks; the metrics' descriptions show under the pointer.

    Parameters
    ----------
    results : mapping

    Returns
    -------
    str
        HTML.
    """
    kind = f"{results['jet_type']} " if results["jet_type"] else ""
    caption = f"{results['sizes']['compared']:,} {kind}jets a side"
    head = "".join(f"<th>{name}</th>" for name in ("metric", "value", "truth floor", "unit"))
    rows = []
    for name, metric in results["metrics"].items():
        cells = (
            f'<td title="{escape(metric["description"])}">{escape(name)}</td>',
            f"<td>{metric['value']:.4g} &plusmn; {metric['error']:.2g}</td>",
            f"<td>{metric['floor']:.4g} &plusmn; {metric['floor_error']:.2g}</td>",
            f"<td>{escape(metric['unit'])}{' &uarr;' if metric['higher_is_better'] else ''}</td>",
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    remarks = "<br>".join(map(escape, _remarks(results)))
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>{remarks}"
    )


def left_out(results: Mapping[str, Any]) -> list[str]:
    """What is said of generated jets that are none.

    Parameters
    ----------
    results : mapping

    Returns
    -------
    list of str
        Lines, none where all were jets.
    """
    generated = results["generated"]
    return [
        f"{generated[reason]} of {generated['read']} generated jets are {reason} and were left "
        "out of every metric"
        for reason in ("non_finite", "unphysical")
        if generated[reason]
    ]


def _remarks(results: Mapping[str, Any]) -> list[str]:
    lines = [f"{name}: unavailable: {why}" for name, why in results["unavailable"].items()]
    return lines + [f"note: {note}" for note in results["protocol"]["notes"]]
