"""Every figure: whole, in both formats, the same for the same data and other for others."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
from click.testing import CliRunner
from matplotlib.image import imread

from hypervae.cli.commands.plot import command
from hypervae.errors import InputError
from hypervae.plotting import evaluation
from hypervae.plotting.style import figure_style, save
from tests.unit.toys import toy_jets

KINDS = ("observables", "history", "correlators", "summary")


@pytest.fixture
def arguments(tmp_path, write_arrays, write_history, write_normalization, write_results):
    """The options of each figure, for two different inputs."""
    inputs = {
        "observables": [write_arrays("1.h5"), write_arrays("2.h5", generated=toy_jets(200, 9))],
        "history": [write_history(5, "1.csv"), write_history(5, "2.csv", scale=2)],
        "correlators": [
            write_normalization("n1.h5"),
            write_normalization("n2.h5", orders=(2, 3, 4)),
        ],
        "summary": [write_results("1.json"), write_results("2.json", factor=9.0)],
    }
    options = {
        "observables": "--arrays",
        "history": "--input",
        "correlators": "--input",
        "summary": "--results",
    }

    def build(kind, which, folder):
        given = [kind, options[kind], str(inputs[kind][which]), "--dpi", "40"]
        if kind == "observables":
            return [*given, "--output-dir", str(folder)]
        given += ["--output", str(folder / "f.png"), "--output-pdf", str(folder / "f.pdf")]
        tables = ["--table", str(folder / "t.csv"), "--html", str(folder / "t.html")]
        return [*given, *tables] if kind == "summary" else given

    return build


@pytest.mark.parametrize("kind", KINDS)
def test_written_in_both_formats_and_by_the_data_alone(kind, arguments, tmp_path, monkeypatch):
    # one of the three pages of overlays: they are drawn alike, and slowly
    some = ("particles", "pairs", "correlators", "image")
    kept = {name: evaluation.FIGURES[name] for name in some}
    monkeypatch.setattr(evaluation, "FIGURES", kept)
    pictures = []
    for run, which in enumerate((0, 0, 1)):
        folder = tmp_path / f"run{run}"
        result = CliRunner().invoke(command, arguments(kind, which, folder))
        assert result.exit_code == 0, result.output + str(result.exception)
        figures = evaluation.FIGURES if kind == "observables" else ("f",)
        names = {f"{name}.{suffix}" for name in figures for suffix in ("pdf", "png")}
        tables = {"t.csv", "t.html"} if kind == "summary" else set()
        if kind == "observables":
            tables = {f"{name}.html" for name in figures}
        assert {path.name for path in folder.iterdir()} == names | tables
        for name in figures:
            pdf = (folder / f"{name}.pdf").read_bytes()
            assert pdf.startswith(b"%PDF")
            assert pdf.rstrip().endswith(b"%%EOF")
            assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
            pixels = imread(folder / f"{name}.png")
            assert pixels.shape[1] >= 200
            # Ink, and not all of it.
            assert 0.005 < (pixels[..., :3].min(axis=-1) < 0.9).mean() < 0.6
        pictures.append({name: (folder / name).read_bytes() for name in names | tables})
    assert pictures[0] == pictures[1]
    assert not [name for name in pictures[0] if pictures[0][name] == pictures[2][name]]
    assert not plt.get_fignums()


@pytest.mark.parametrize("style", ["CMS", "ATLAS"])
def test_styles_change_the_figure_and_nothing_after_it(style, arguments, tmp_path):
    before = dict(matplotlib.rcParams)
    for name, extra in (("plain", []), (style, ["--style", style])):
        result = CliRunner().invoke(command, [*arguments("summary", 0, tmp_path / name), *extra])
        assert result.exit_code == 0, result.output + str(result.exception)
    assert (tmp_path / "plain/f.png").read_bytes() != (tmp_path / style / "f.png").read_bytes()
    assert dict(matplotlib.rcParams) == before


def test_resolution(arguments, tmp_path):
    for folder, dpi in ((tmp_path / "a", "40"), (tmp_path / "b", "80")):
        given = arguments("summary", 0, folder)
        given[given.index("--dpi") + 1] = dpi
        assert CliRunner().invoke(command, given).exit_code == 0
    low, high = (imread(tmp_path / name / "f.png").shape[0] for name in "ab")
    assert high == pytest.approx(2 * low, abs=2)


@pytest.mark.parametrize("kind", KINDS)
def test_input_of_another_kind_is_refused_and_nothing_written(kind, arguments, tmp_path):
    given = arguments(kind, 0, tmp_path / "out")
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    given[2] = str(wrong)
    result = CliRunner().invoke(command, given)
    assert isinstance(result.exception, InputError)
    assert "wrong.json" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_failing_write_leaves_the_old_figure(tmp_path, config, monkeypatch):
    (tmp_path / "f.png").write_bytes(b"old")
    with figure_style(config):
        figure = plt.figure()

        def fail(path, **options):
            path.write_bytes(b"half")
            raise OSError("disk full")

        monkeypatch.setattr(figure, "savefig", fail)
        with pytest.raises(OSError, match="disk full"):
            save(figure, 40, tmp_path / "f.png")
    assert [path.name for path in tmp_path.iterdir()] == ["f.png"]
    assert (tmp_path / "f.png").read_bytes() == b"old"
    assert not plt.get_fignums()
