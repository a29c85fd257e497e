"""Small files in the layouts of the readers, of jets that are known."""

from __future__ import annotations

import numpy as np
import uproot

from hypervae.data.readers.jetclass import JetClassFile

PARTS = ("part_px", "part_py", "part_pz", "part_energy")
OTHERS = ("part_deta", "part_dphi", "part_d0val", "part_charge", "part_isPhoton")
JET = ("jet_pt", "jet_eta", "jet_phi", "jet_energy")


def particles(n=40, slots=8, seed=1):
    """(pt, eta, phi) of the particles [n, slots, 3] of jets, of 2 to `slots` particles each."""
    rng = np.random.default_rng(seed)
    there = np.arange(slots) < rng.integers(2, slots + 1, n)[:, None]
    axis = np.stack([rng.uniform(-1.5, 1.5, n), rng.uniform(0, 2 * np.pi, n)], axis=-1)
    angles = axis[:, None] + rng.normal(0, 0.1, (n, slots, 2))
    values = np.dstack([rng.exponential(60, (n, slots)) + 1, angles])
    values[..., 2] %= 2 * np.pi
    return values * there[..., None]


def summed(values):
    """(pt, eta, phi, mass) of one jet, the sum of massless particles, one by one."""
    px = py = pz = energy = 0.0
    for pt, eta, phi in values:
        px, py = px + pt * np.cos(phi), py + pt * np.sin(phi)
        pz, energy = pz + pt * np.sinh(eta), energy + pt * np.cosh(eta)
    pt = np.sqrt(px**2 + py**2)
    mass = np.sqrt(max(energy**2 - px**2 - py**2 - pz**2, 0.0))
    return pt, np.arcsinh(pz / pt), np.arctan2(py, px), mass


def relative(values, jet):
    """(etarel, phirel, ptrel) of the particles that there are, by falling pT."""
    pt, eta, phi = values[values[:, 0] > 0].T
    turned = np.arctan2(np.sin(phi - jet[2]), np.cos(phi - jet[2]))
    rows = np.stack([eta - jet[1], turned, pt / jet[0]], axis=-1)
    return rows[np.argsort(-pt, kind="stable")]


def energyflow(path, values, y=None, columns=4, dtype=np.float64):
    """An npz file as EnergyFlow publishes them."""
    ids = np.where(values[..., :1] > 0, 211.0, 0.0)
    x = np.concatenate([values, ids], axis=-1)[..., :columns].astype(dtype)
    arrays = {"X": x} if y is None else {"X": x, "y": np.asarray(y, dtype=np.float64)}
    np.savez_compressed(path, **arrays)
    return path


def jetclass_columns(values, classes):
    """Branches of JetClass: particles as lists, and full jets 5 % harder than the particles."""
    import awkward as ak

    count = (values[..., 0] > 0).sum(axis=1)
    flat = values[values[..., 0] > 0]
    pt, eta, phi = flat.T
    momenta = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta))
    columns = {
        name: ak.unflatten(column.astype(np.float32), count)
        for name, column in zip(PARTS, momenta, strict=True)
    }
    columns |= {name: ak.unflatten(np.ones(len(flat), np.float32), count) for name in OTHERS}
    jets = np.array([summed(jet) for jet in values])
    full = jets[:, 0] * 1.05, jets[:, 1], jets[:, 2]
    energy = np.hypot(full[0] * np.cosh(full[1]), 60.0)  # a mass of 60 GeV
    columns |= {
        name: column.astype(np.float32) for name, column in zip(JET, (*full, energy), strict=True)
    }
    columns |= {"jet_nparticles": count.astype(np.float32), "jet_sdmass": columns["jet_pt"]}
    for index, name in enumerate(JetClassFile.classes):
        kind = (np.float32, np.bool_, np.int32)[index % 3]
        columns[name] = (np.asarray(classes) == name).astype(kind)
    return columns


def root(path, columns, tree="tree"):
    """A ROOT file of one tree."""
    with uproot.recreate(path) as file:
        file.mktree(
            tree,
            {
                name: f"var * {column.type.content.content}"
                if hasattr(column, "layout") and column.ndim == 2
                else column.dtype
                for name, column in columns.items()
            },
        ).extend(columns)
    return path
