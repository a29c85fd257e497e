"""Energy correlators of any order, and their ratios to the lowest order that is drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hypervae.enc.spectrum import BEFORE, Spectrum
from hypervae.plotting.correlators import DECADES, draw_curve
from hypervae.plotting.style import COLOURS

_LINES = ("-", "--", "-.", ":")


def draw_spectrum(spectrum: Spectrum, title: str = "") -> Figure:
    """Draw all orders, and their ratios to the two-point correlator or else to the first.

    Parameters
    ----------
    spectrum : Spectrum
    title : str
        Whose jets, above the figure.

    Returns
    -------
    Figure
    """
    settings = spectrum.settings
    base = 2.0 if 2.0 in settings.orders else settings.orders[0]
    figure, (main, ratio) = plt.subplots(
        2, 1, figsize=(7.5, 7.2), sharex=True, height_ratios=(2, 1.2), layout="constrained"
    )
    edges, width = settings.binning.edges, settings.binning.ln_width
    peak, seen = 0.0, np.zeros(settings.binning.bins, dtype=bool)
    for number, order in enumerate(settings.orders):
        style = (COLOURS[number % len(COLOURS)], _LINES[number % len(_LINES)])
        curve = spectrum.curve([order])
        values, errors = curve.value / width, np.nan_to_num(curve.error) / width
        peak = max(peak, values.max())
        seen |= values > values.max() * 10**-DECADES
        draw_curve(main, edges, values, errors, *style, f"E{order:g}C")
        if order != base:
            found = spectrum.ratio(order, base)
            draw_curve(
                ratio, edges, found.value, np.nan_to_num(found.error), *style, f"E{order:g}C"
            )
    main.set_xscale("log")
    # charge-weighted ones may be negative
    negative = bool((spectrum.mean[:, BEFORE:-1] < -1e-12).any())
    main.set_yscale("linear" if negative else "log")
    if peak > 0 and not negative:
        main.set_ylim(peak * 10**-DECADES, peak * 3)
    shown = np.flatnonzero(seen)
    if len(shown):
        main.set_xlim(edges[shown[0]], edges[shown[-1] + 1])
    variable = f"${settings.variable}$"
    main.set_ylabel(rf"$\mathrm{{d\,ENC}}\,/\,\mathrm{{d}}\,\ln {settings.variable}$ per jet")
    main.legend(loc="best", title=f"{spectrum.n_jets:,} jets")
    ratio.axhline(1.0, color="0.5", linewidth=1.0)
    ratio.set_ylabel(f"ENC / E{base:g}C")
    ratio.set_xlabel(variable)
    figure.suptitle(title or "energy correlators", x=0.02, ha="left")
    return figure
