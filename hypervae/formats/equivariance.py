"""The equivariance of a model, measured.

Layout (JSON): ``model``, its name; ``figures``, by the names of `FIGURES` (None where there was
nothing to measure), and ``residual_group``, the group that references and features leave;
``bounds`` of those that have one, from above but for the spread; ``broken_bounds``, in words;
``jets`` and ``transformations``, numbers of each; ``seed``. The report gets the same as HTML.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping
from typing import Any

from hypervae.errors import InputError
from hypervae.io import write_json, write_text
from hypervae.io.regular import check_regular

#: What a file of them has to have.
_ENTRIES = {"model": str, "figures": dict, "broken_bounds": list}
#: What each figure is.
FIGURES = {
    "particle_fp32": "particle branch, references transformed along; whole group, float32",
    "particle_fp64": "the same in float64",
    "encoder_residual_fp32": "whole encoder, features recomputed; {group}, float32",
    "encoder_residual_fp64": "the same in float64",
    "encoder_general": "whole encoder, features recomputed; boosts in any direction, float32",
    "decoder_fp64": "decoded momenta, references transformed along; whole group, float64",
    "spread": "spread of the encoder's outputs between jets, over their size",
}
#: What stands in the place of a bound.
UNBOUNDED = {
    "encoder_general": "none: no symmetry of the encoder, since references and features stay in "
    "the detector's frame; shown for comparison",
}
_COVARIANT = (
    "exactly, to rounding, under the proper orthochronous Lorentz group if the reference vectors "
    "are transformed along"
)


def exact_symmetry(results: Mapping[str, Any]) -> str:
    """Under which group which part of a model is exact: what "Lorentz-equivariant" stands for.

    Parameters
    ----------
    results : mapping
        As the layout says.

    Returns
    -------
    str
        Sentences.
    """
    figures = results["figures"]
    if figures["particle_fp32"] is None:
        return (
            f"Decoded momenta transform {_COVARIANT}. These (time, beam and jet axis) stay fixed "
            "where jets are generated, as the detector does, so that no boost is a symmetry of "
            "generated jets. The model has no encoder."
        )
    left = figures["residual_group"]
    kept = "no symmetry is exact" if left == "nothing" else f"what stays exact is: {left}"
    return (
        f"The encoder's particle branch is invariant, and decoded momenta transform, {_COVARIANT}. "
        "In data the references stay fixed, as the detector does, and the features of edges, "
        f"hyperedges and jets are measured in its frame: of the encoder as a whole {kept}."
    )


def read_equivariance(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the figures of a model.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If they are none.
    """
    expected = "what hypervae equivariance --output writes"
    check_regular(path, expected)
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, "JSON", found=str(error), expected=expected) from error
    if not isinstance(content, dict):
        raise InputError(path, "JSON", found=f"a {type(content).__name__}", expected="an object")
    for name, kind in _ENTRIES.items():
        if not isinstance(content.get(name), kind):
            found = type(content[name]).__name__ if name in content else "no such entry"
            raise InputError(path, name, found=found, expected=kind.__name__)
    figures = content["figures"]
    for name in FIGURES:
        found = figures.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float | None):
            raise InputError(path, f"figures.{name}", found=repr(found), expected="a number")
    encodes = figures.get("particle_fp32", ...)
    if encodes is ... or (
        encodes is not None and not isinstance(figures.get("residual_group"), str)
    ):
        raise InputError(path, "figures", found=", ".join(figures), expected=expected)
    whole: dict[str, Any] = content
    return whole


def write_equivariance(path: str | os.PathLike[str], results: Mapping[str, Any]) -> None:
    """Write the figures as JSON, atomically.

    Parameters
    ----------
    path : path-like
    results : mapping
        As the layout says.
    """
    write_json(path, dict(results))


def write_table(path: str | os.PathLike[str], results: Mapping[str, Any]) -> None:
    """Write the figures as an HTML page, atomically.

    Parameters
    ----------
    path : path-like
    results : mapping
        As the layout says.
    """
    write_text(path, _page(results))


def _page(results: Mapping[str, Any]) -> str:
    """The figures as an HTML page, for the report."""
    figures = results["figures"]
    group = figures["residual_group"]
    rows = []
    for name, text in FIGURES.items():
        value, bound = figures[name], results["bounds"].get(name)
        shown = "not measured" if value is None else f"{value:.2g}"
        limit = f"{'≥' if name == 'spread' else '≤'} {bound:g}" if bound else UNBOUNDED[name]
        cells = (name, text.format(group=group), shown, limit)
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    notes = [html.escape(line) for line in results["broken_bounds"]] or ["All bounds are met."]
    title = html.escape(f"Equivariance of model {results['model']}, measured")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        "<style>body{font-family:sans-serif}td,th{padding:.3em .8em;text-align:left;"
        "border-bottom:1px solid #ccc}</style></head>\n"
        f"<body><h3>{title}</h3>\n<p><b>Which group is exact.</b> "
        f"{html.escape(exact_symmetry(results))}</p>\n<table>\n"
        "<tr><th>figure</th><th>what</th><th>value</th><th>bound</th></tr>\n"
        + "\n".join(rows)
        + f"\n</table>\n<p>{results['jets']} held-out jets, {results['transformations']} "
        "transformations of each group, the largest RMS deviation of the outputs, over their "
        "spread between jets: a deviation of 1 would hide which jet it was. The four-momenta are "
        "boosted (gamma up to 5) and rotated at random in double precision, rounded to the type "
        "under test, and everything that the network reads is computed from them again.</p>\n"
        + "".join(f"<p>{note}</p>\n" for note in notes)
        + "</body></html>\n"
    )
