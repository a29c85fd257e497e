"""Jets as people look at them: a line, a table for notebooks, vectors and awkward arrays."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from hypervae.extras import optional
from hypervae.kinematics import four_momenta

if TYPE_CHECKING:
    from hypervae.data.jets import Jets

# What is shown decides no result.
DECIDES_RESULTS_OF = ()

#: Jets that a notebook's table shows.
ROWS = 5


def one_line(jets: Jets) -> str:
    """Number, type, slots and mean pT.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    str
    """
    slots = jets.particle_features.shape[1]
    words = [counted(jets), f"{slots} particle slots"]
    if len(jets):
        words.append(f"mean pT {jets.jet_features[:, 0].mean(dtype=np.float64):.0f} GeV")
    return f"<Jets: {', '.join(words)}>"


def counted(jets: Jets) -> str:
    """How many jets, of which type.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    str
    """
    typed = f"{jets.jet_type} " if jets.jet_type else ""
    return f"{len(jets):,} {typed}jet{'' if len(jets) == 1 else 's'}"


def html_table(jets: Jets) -> str:
    """The first jets as a table, their hardest particles beside them.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    str
        HTML.
    """
    names = ("", "p<sub>T</sub> [GeV]", "&eta;", "mass [GeV]", "particles", "hardest p<sub>T</sub>")
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = []
    for row in range(min(len(jets), ROWS)):
        pt, eta, mass, _ = map(float, jets.jet_features[row])
        hardest = float((jets.particle_features[row, :, 2] * jets.mask[row]).max(initial=0))
        cells = (
            f"{row}",
            f"{pt:,.1f}",
            f"{eta:.3f}",
            f"{mass:.1f}",
            f"{int(jets.mask[row].sum())}",
            f"{hardest:.1%}",
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    if len(jets) > ROWS:
        rows.append("<tr>" + "<td>&hellip;</td>" * len(names) + "</tr>")
    caption = escape(one_line(jets).strip("<>").removeprefix("Jets: "))
    return (
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def momentum_vectors(jets: Jets) -> Any:
    """Four-momenta as an array of `vector`.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    vector.MomentumNumpy4D [n, P]
        (E, px, py, pz) in GeV, 0 where no particle is.

    Raises
    ------
    MissingPackageError
        Without vector.
    """
    vector = optional("vector", "Jets.four_momenta", "analysis")
    momenta = four_momenta(jets.particle_features, jets.jet_features)
    energy, px, py, pz = np.moveaxis(momenta, -1, 0)
    return vector.array({"px": px, "py": py, "pz": pz, "E": energy})


def awkward_array(jets: Jets) -> Any:
    """Jets as an awkward array, a record a jet, without empty slots.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    awkward.Array [n]
        Fields ``pt`` [GeV], ``eta``, ``mass`` [GeV], ``num_particles``; ``particles``, a list of
        four-momenta of `vector`, with ``etarel``, ``phirel`` [rad], ``ptrel`` and further columns
        beside; and ``event_id`` and ``split`` where the jets have them.

    Raises
    ------
    MissingPackageError
        Without awkward or vector.
    """
    ak = optional("awkward", "Jets.to_awkward", "analysis")
    vector = optional("vector", "Jets.to_awkward", "analysis")
    vector.register_awkward()
    momenta = four_momenta(jets.particle_features, jets.jet_features)
    values = np.concatenate([momenta, jets.particle_features[..., :3]], axis=-1)[jets.mask]
    names = ("E", "px", "py", "pz", "etarel", "phirel", "ptrel")
    columns = dict(zip(names, np.ascontiguousarray(values.T), strict=True))
    columns |= {name: column[jets.mask] for name, column in jets.extra.items()}
    particles = ak.unflatten(ak.zip(columns, with_name="Momentum4D"), jets.multiplicity)
    pt, eta, mass, _ = np.ascontiguousarray(jets.jet_features.T)
    fields = {"pt": pt, "eta": eta, "mass": mass, "num_particles": jets.multiplicity}
    for name in ("event_id", "split"):
        if getattr(jets, name) is not None:
            fields[name] = getattr(jets, name)
    return ak.zip({**fields, "particles": particles}, depth_limit=1)
