"""The two figures of what a model makes of held-out jets."""

import json

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.colors import to_hex
from matplotlib.image import imread

from hypervae.cli.commands.plot import command
from hypervae.config import resolve_section
from hypervae.data.jet_types import JET_TYPES
from hypervae.errors import InputError
from hypervae.formats.reconstruction import read_reconstruction
from hypervae.plotting.latent import draw_latent, kernel_density, principal_axes
from hypervae.plotting.reconstruction import (
    DATASETS,
    colour_of,
    draw_reconstruction,
)
from hypervae.plotting.style import GENERATED, figure_style
from tests.unit.toys import toy_jets

KINDS = ("latent", "reconstruction")
DRAW = {"latent": draw_latent, "reconstruction": draw_reconstruction}
LATENT = [f"latent/{name}" for name in ("mean", "posterior", "prior", "kl", "active")]


def quantities(jets):
    features = jets.jet_features
    return {
        "particle_features": jets.particle_features,
        "mass": features[:, 2] / features[:, 0],
        "jet_pt": features[:, 0],
        "multiplicity": features[:, 3],
    }


@pytest.fixture
def write(tmp_path):
    """Write what of a reconstruction the figures read."""

    def write(name="in.h5", kinds="g", n=60, dimensions=5, seed=1, **changes):
        generator = np.random.default_rng(seed)
        total = n * len(kinds)
        held = {"jet_type": np.repeat([JET_TYPES[kind] for kind in kinds], n).astype(np.uint8)}
        for key in ("mean", "posterior", "prior"):
            held[f"latent/{key}"] = generator.normal(size=(total, dimensions)).astype(np.float32)
        held["latent/kl"] = generator.exponential(size=dimensions)
        held["latent/active"] = held["latent/kl"] > 0.5
        for side, first in (("true", 0), ("reconstructed", 1)):
            parts = [quantities(toy_jets(n, first + 2 * seed, kind)) for kind in kinds]
            for key in parts[0]:
                held[f"{side}/{key}"] = np.concatenate([part[key] for part in parts])
        about = {"jets": n, "w1_mass": 0.01, "multiplicity_mae": 1.5}
        about["correlation"] = {"mass": 0.5, "jet_pt": 0.987654, "multiplicity": None}
        held |= changes
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs["model"] = "toy"
            file.attrs["figures"] = json.dumps({"types": dict.fromkeys(kinds, about)})
            for key, values in held.items():
                if values is not None:
                    file[key] = values
        return tmp_path / name

    return write


@pytest.fixture
def draw():
    """Draw a figure of a file; closed afterwards."""

    def draw(kind, path):
        arrays, about = read_reconstruction(path, DATASETS + LATENT)
        with figure_style(resolve_section("plot", {})):
            figure = DRAW[kind](arrays, about)
            figure.set_dpi(20)
            figure.canvas.draw()
        return figure

    yield draw
    plt.close("all")


def texts(figure):
    found = [text.get_text() for text in figure.texts]
    found += [figure.get_suptitle()]
    for axis in figure.axes:
        legend = axis.get_legend()
        found += [text.get_text() for text in legend.get_texts()] if legend else []
        found += [axis.get_title(), axis.get_xlabel(), axis.get_ylabel()]
    return " | ".join(found)


def call(kind, path, folder, *options):
    given = [kind, "--input", path, "--dpi", 40, "--output", folder / "f.png"]
    given += ["--output-pdf", folder / "f.pdf", *options]
    return CliRunner().invoke(command, [str(one) for one in given])


@pytest.mark.parametrize("kind", KINDS)
def test_written_in_both_formats_and_by_the_data_alone(kind, write, tmp_path):
    files = [write("1.h5"), write("1.h5"), write("2.h5", seed=2)]
    pictures = []
    for run, path in enumerate(files):
        folder = tmp_path / f"run{run}"
        done = call(kind, path, folder)
        assert done.exit_code == 0, done.output + str(done.exception)
        assert (folder / "f.pdf").read_bytes().startswith(b"%PDF")
        pixels = imread(folder / "f.png")
        assert 0.005 < (pixels[..., :3].min(axis=-1) < 0.9).mean() < 0.6
        pictures.append([(folder / name).read_bytes() for name in ("f.png", "f.pdf")])
    assert pictures[0] == pictures[1]
    assert pictures[0][0] != pictures[2][0]
    assert pictures[0][1] != pictures[2][1]
    assert not plt.get_fignums()


@pytest.mark.parametrize("kinds", ["t", "gqtwz"])
@pytest.mark.parametrize("kind", KINDS)
def test_types_are_named_in_colours_of_their_own(kind, kinds, write, draw):
    figure = draw(kind, write(kinds=kinds))
    shown = texts(figure)
    names = {"g": "gluon", "q": "light-quark", "t": "top-quark", "w": "W-boson", "z": "Z-boson"}
    for one, name in names.items():
        assert (name in shown) == (one in kinds)
    colours = {
        to_hex(colour).upper()
        for axis in figure.axes
        for points in axis.collections
        for colour in points.get_facecolors()
    }
    assert {colour_of(one) for one in kinds} <= colours
    assert len({GENERATED, *(colour_of(one) for one in JET_TYPES)}) == 6


def test_numbers_are_printed(write, draw):
    shown = texts(draw("reconstruction", write(kinds="gt")))
    assert "gluon: r = 0.988" in shown
    assert "top-quark: r = 0.500, $W_1$ = 0.0100" in shown
    assert "top-quark: r = undefined, mean $|\\Delta n|$ = 1.50" in shown
    kl = np.array([0.5, 3.0, 0.25, 1.0])
    active = np.array([False, True, False, True])
    figure = draw("latent", write(dimensions=4, **{"latent/kl": kl, "latent/active": active}))
    shown = texts(figure)
    assert "toy: 60 gluon jets" in shown
    assert "active (2) | not active (2) | total 4.75 nats" in shown
    bars = figure.axes[-1].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], [3.0, 1.0, 0.5, 0.25])
    assert len({bar.get_facecolor() for bar in bars[:2]}) == 1
    assert bars[1].get_facecolor() != bars[2].get_facecolor() == bars[3].get_facecolor()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_number_is_left_out(kind, write, draw):
    clean = write()
    arrays, _ = read_reconstruction(clean, DATASETS + LATENT)
    holes = {name: values.copy() for name, values in arrays.items() if values.dtype.kind == "f"}
    for values in holes.values():
        values[1] = np.nan
    figure = draw(kind, write("holes.h5", **holes))
    if kind == "latent":
        assert "59 gluon jets (1 more are not finite)" in texts(figure)
    limits = [(*axis.get_xlim(), *axis.get_ylim()) for axis in figure.axes]
    assert np.isfinite(limits).all()


def constant(*names, value=0.0, shape=(60, 5)):
    return {name: np.full(shape, value) for name in names}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("latent", {"dimensions": 1}),
        ("latent", {"n": 2, "kinds": "gq"}),
        ("latent", constant("latent/mean", "latent/posterior")),
        ("latent", constant("latent/kl", shape=5)),
        ("latent", constant("latent/mean", value=np.nan)),
        ("reconstruction", {"n": 2, "kinds": "gq"}),
        ("reconstruction", constant("true/jet_pt", "reconstructed/jet_pt", value=1e3, shape=60)),
        ("reconstruction", constant("true/mass", "reconstructed/mass", value=np.nan, shape=60)),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
@pytest.mark.filterwarnings("error")
def test_little_and_degenerate_data_make_a_figure_too(kind, change, write, draw):
    for axis in draw(kind, write(**change)).axes:
        assert np.isfinite([axis.get_xlim(), axis.get_ylim()]).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("latent/mean", "latent/mean: found no such dataset"),
        ("true/mass", "true/mass: found no such dataset"),
        ("jet_type", "jet_type: found no such dataset"),
    ],
)
def test_a_missing_dataset_is_named(name, message, write, tmp_path):
    kind = "latent" if name.startswith("latent") else "reconstruction"
    done = call(kind, write(**{name: None}), tmp_path / "out")
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "name", "shape"),
    [("latent", "latent/prior", "[60, 5]"), ("reconstruction", "reconstructed/jet_pt", "[60]")],
)
def test_a_dataset_of_other_jets_is_named(kind, name, shape, write, tmp_path):
    done = call(kind, write(**{name: np.ones((59, 5))}), tmp_path / "out")
    assert isinstance(done.exception, InputError)
    assert f"{name}: found shape (59, 5), expected a dataset of shape {shape}" in str(
        done.exception
    )


@pytest.mark.parametrize("figures", [None, "{", "[]", "{}", '{"types": {"q": {}}}'])
def test_missing_attributes_are_named(figures, write, tmp_path):
    path = write()
    with h5py.File(path, "a") as file:
        del file.attrs["figures"]
        if figures is not None:
            file.attrs["figures"] = figures
    done = call("reconstruction", path, tmp_path / "out")
    assert isinstance(done.exception, InputError)
    assert "in.h5: attribute figures" in str(done.exception)


def test_principal_axes_are_the_directions_of_largest_variance():
    generator = np.random.default_rng(1)
    turn = np.linalg.qr(generator.normal(size=(4, 4)))[0]
    points = generator.normal(size=(4000, 4)) * [0.1, 3.0, 0.2, 1.0] @ turn.T + 5.0
    centre, axes, share = principal_axes(points)
    np.testing.assert_allclose(centre, 5.0, atol=0.3)
    np.testing.assert_allclose(np.abs(axes.T @ turn[:, [1, 3]]), np.eye(2), atol=0.03)
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(share, np.array([9.0, 1.0]) / 10.05, rtol=0.1)
    np.testing.assert_allclose(principal_axes(-points)[1], axes)  # signs do not flip
    _, axes, share = principal_axes(points[:, :1])
    np.testing.assert_allclose(axes, [[1.0, 0.0]])
    np.testing.assert_allclose(share, [1.0, 0.0])


def test_kernel_density_is_that_of_scipy():
    from scipy.stats import gaussian_kde

    generator = np.random.default_rng(2)
    points = generator.normal(size=(200, 2)) @ [[2.0, 0.5], [0.0, 0.3]]
    at = generator.normal(size=(50, 2))
    found, expected = kernel_density(points, at), gaussian_kde(points.T)(at.T)
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), rtol=1e-8)
