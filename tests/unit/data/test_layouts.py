"""Other columns, units and angles are converted where that is asked for."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch_geometric.data import Data

from hypervae.checks.files import check_file
from hypervae.cli import cli
from hypervae.data.importing import import_shard
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.layouts import Layout, guess
from hypervae.errors import ConfigError, InputError
from hypervae.formats.shard import ShardReader
from tests.unit.data.laid_out import jets_of, particles_as, write

LAYOUTS = (
    "pt,eta,phi,m",
    "pt,eta,phi,E",
    "E,px,py,pz",
    "px,py,pz,E",
    "E,pt,eta,phi",
    "_,px,py,pz",
    "eta,phi,pt,mask",
    "eta,phi,ptrel,mask",
    "eta,phirel,ptrel,mask",
    "etarel,phi,ptrel,mask",
    "ptrel,etarel,phirel,mask",
    "etarel,phirel,ptrel",
    "px,py,pz",
)
SCALES = {"GeV": 1.0, "MeV": 1e3, "TeV": 1e-3}
IN_UNITS = ("pt", "E", "px", "py", "pz", "m")


def in_units(values, columns, units, angles="radians"):
    """Values of columns in GeV and radians, in other units."""
    values = values.copy()
    for index, name in enumerate(columns):
        if name in IN_UNITS:
            values[..., index] *= SCALES[units]
        if name in ("phi", "phirel") and angles == "degrees":
            values[..., index] = np.degrees(values[..., index])
    return values


def imported(source, layout):
    import_shard(source, source.with_name("out.h5"), "g", 30, layout)
    with ShardReader(source.with_name("out.h5")) as reader:
        return reader.read()


def assert_same(read, jets, turned):
    """Azimuths are relative to the jet's axis in the file, or to that of its particles."""
    np.testing.assert_array_equal(read.mask, jets.mask)
    np.testing.assert_allclose(read.jet_features[:, :3], jets.jet_features[:, :3], rtol=1e-5)
    difference = read.particle_features - jets.particle_features
    np.testing.assert_allclose(difference[..., [0, 2]], 0, atol=2e-5)
    difference = difference[..., 1][jets.mask]
    np.testing.assert_allclose(difference, 0, atol=0.05 if turned else 2e-5)


@pytest.mark.parametrize("angles", ["radians", "degrees"])
@pytest.mark.parametrize("units", SCALES)
@pytest.mark.parametrize("text", LAYOUTS)
def test_hdf5_is_converted(tmp_path, text, units, angles):
    jets, phi = jets_of()
    columns = tuple(text.split(","))
    particles = in_units(particles_as(jets, phi, columns), columns, units, angles)
    scale = SCALES[units]
    path = write(tmp_path / "mine.h5", particles, jets.jet_features * [scale, 1, scale, 1])
    read = imported(path, Layout.of(text, units, angles))
    assert_same(read, jets, "phirel" not in columns)


@pytest.mark.parametrize("filler", [-999.0, np.nan, 0.0])
@pytest.mark.parametrize("text", ["pt,eta,phi,mask", "E,px,py,pz", "pt,eta,phi,m"])
def test_absent_slots_of_other_layouts(tmp_path, text, filler):
    jets, phi = jets_of()
    columns = tuple(text.split(","))
    particles = particles_as(jets, phi, columns)
    rest = [index for index, name in enumerate(columns) if name != "mask"]
    for index in rest:
        particles[..., index][~jets.mask] = filler
    path = write(tmp_path / "mine.h5", particles, jets.jet_features)
    if np.isnan(filler) and "mask" not in columns:
        with pytest.raises(InputError, match="found nan"):
            imported(path, Layout.of(text))
    else:
        assert_same(imported(path, Layout.of(text)), jets, turned=True)


@pytest.mark.parametrize("text", ["E,px,py,pz", "px,py,pz,E", "pt,eta,phi,E"])
def test_energies_that_are_not_the_momenta_are_refused(tmp_path, text):
    jets, phi = jets_of()
    columns = tuple(text.split(","))
    particles = particles_as(jets, phi, columns)
    particles[7, :, columns.index("E")] *= 1.5
    path = write(tmp_path / "mine.h5", particles, jets.jet_features)
    with pytest.raises(InputError, match=r"energies that are not \|p\|.* at row 7, expected"):
        imported(path, Layout.of(text))


def test_a_conversion_that_does_not_fit_is_refused(tmp_path):
    jets, _ = jets_of()
    path = write(tmp_path / "mine.h5", jets.particle_features, jets.jet_features)
    with pytest.raises(InputError, match=r"shape .*, expected .*\[jets, particles, 3\]"):
        imported(path, Layout.of("px,py,pz"))
    with pytest.raises(InputError, match="particle_features"):
        imported(path, Layout.of("px,py,pz,E"))
    with pytest.raises(InputError, match="--units TeV"):
        imported(path, Layout.of("", "MeV"))
    halves = jets.particle_features.copy()
    halves[3, 0, 3] = 0.5
    path = write(tmp_path / "halves.h5", halves, jets.jet_features)
    with pytest.raises(InputError, match=r"mask: found 0\.5 at row 3"):
        imported(path, Layout.of("eta,phi,ptrel,mask"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pt,eta,phi,mess", "found 'mess', expected names out of E, px"),
        ("pt,pt,eta,phi", "found 'pt' twice"),
        ("pt,eta,mask", "found pt,eta,mask, expected px,py,pz or one each"),
        ("px,py,pz,pt", "expected px,py,pz or one each"),
        ("pt,ptrel,eta,phi", "expected px,py,pz or one each"),
    ],
)
def test_layouts_that_make_no_momenta_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        Layout.of(text)


def test_what_is_the_formats_own_is_no_layout():
    assert Layout.of("") is None
    assert Layout.of("", "MeV").with_columns(("px", "py", "pz")).columns == ("px", "py", "pz")


@pytest.mark.parametrize("text", [text for text in LAYOUTS if "_" not in text][:7])
@pytest.mark.parametrize("angles", ["radians", "degrees"])
def test_common_layouts_are_recognized(text, angles):
    jets, phi = jets_of(200)
    columns = tuple(text.split(","))
    if angles == "degrees" and "phi" not in columns:
        return
    values = in_units(particles_as(jets, phi, columns), columns, "GeV", angles)
    assert guess(values) == Layout(columns, angles=angles)


def graph_file(path, jets, phi, columns, labels=True, **changes):
    particles = particles_as(jets, phi, columns)
    graphs = []
    for row, (pt, eta, mass, _) in enumerate(jets.jet_features.astype(float)):
        y = [JET_TYPES["g"], np.log(pt), eta, np.log(mass)]
        x = torch.tensor(particles[row][jets.mask[row]], dtype=torch.float)
        graphs.append(Data(x=x, y=torch.tensor(y, dtype=torch.float) if labels else None))
        for name, change in changes.items():
            graphs[-1][name] = change(graphs[-1].get(name))
    torch.save(graphs, path)
    return path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("etarel,phirel,ptrel,mask", "etarel,phirel,ptrel,mask"),
        ("pt,eta,phi,m", "pt,eta,phi,m"),
        ("pt,eta,phi,E", "pt,eta,phi,E"),
        ("px,py,pz,E", "px,py,pz,E"),
    ],
)
def test_graphs_of_other_layouts_are_refused_and_converted(tmp_path, text, found):
    jets, phi = jets_of()
    columns = tuple(text.split(","))
    path = graph_file(tmp_path / "a.pt", jets, phi, columns)
    messages = []
    for read in (lambda: imported(path, None), lambda: check_file(path)):
        with pytest.raises(InputError, match=rf"graph \d+: x: .*--layout {found}") as caught:
            read()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]  # import and validate agree
    assert_same(imported(path, Layout.of(text)), jets, "phirel" not in columns)


def standardized(x):
    return (x - x.mean(dim=0)) / x.std(dim=0)


def test_graphs_in_mev_and_normalized_ones_are_refused(tmp_path):
    jets, phi = jets_of()
    columns = ("E", "px", "py", "pz")
    path = graph_file(tmp_path / "mev.pt", jets, phi, columns, x=lambda x: x * 1e3)
    with pytest.raises(InputError, match="GeV"):
        imported(path, None)
    mev = graph_file(
        tmp_path / "all_mev.pt",
        jets,
        phi,
        columns,
        x=lambda x: x * 1e3,
        y=lambda y: y + torch.tensor([0.0, np.log(1e3), 0.0, np.log(1e3)]),
    )
    with pytest.raises(InputError, match="--units"):
        imported(mev, None)
    assert_same(imported(mev, Layout.of("", "MeV")), jets, turned=True)
    path = graph_file(tmp_path / "z.pt", jets, phi, columns, x=standardized)
    for read in (lambda: imported(path, None), lambda: check_file(path)):
        with pytest.raises(InputError, match=r"looks normalized.*no particle_norm_stats"):
            read()
    path = graph_file(
        tmp_path / "e.pt", jets, phi, columns, x=lambda x: x * torch.tensor([1.5, 1, 1, 1])
    )
    with pytest.raises(InputError, match=r"graph 0: x: found .* energies that are not \|p\|"):
        imported(path, None)
    assert_same(imported(path, Layout.of("_,px,py,pz")), jets, turned=True)


def test_relative_graphs_need_their_jets(tmp_path):
    jets, phi = jets_of()
    columns = ("etarel", "phirel", "ptrel", "mask")
    path = graph_file(tmp_path / "a.pt", jets, phi, columns, labels=False)
    with pytest.raises(InputError, match=r"graph 0: y: found none, expected the jet"):
        imported(path, Layout.of(",".join(columns)))


def test_the_command_converts_or_refuses(tmp_path):
    jets, phi = jets_of()
    particles = particles_as(jets, phi, ("pt", "eta", "phi", "m"))
    source = write(tmp_path / "mine.h5", particles, jets.jet_features)
    arguments = ["import", str(source), "--jet-type", "g", "--output", str(tmp_path / "s.h5")]
    refused = CliRunner().invoke(cli, arguments)
    assert refused.exit_code == 1
    assert "--layout pt,eta,phi,m" in str(refused.exception)
    assert not (tmp_path / "s.h5").exists()
    done = CliRunner().invoke(cli, [*arguments, "--layout", "pt,eta,phi,m"])
    assert done.exit_code == 0, done.output
    with ShardReader(tmp_path / "s.h5") as reader:
        assert '"layout": "pt,eta,phi,m"' in reader.attributes["settings"]
    wrong = CliRunner().invoke(cli, [*arguments, "--layout", "pt,eta"])
    assert wrong.exit_code == 1
    assert "layout: found pt,eta, expected" in str(wrong.exception)
