"""The page that the report opens with."""

import json
import shutil

import pytest
import yaml
from click.testing import CliRunner

from hypervae.cli.commands.plot import command
from hypervae.errors import InputError
from hypervae.plotting import overview as page
from hypervae.plotting.run import machine, read_run
from tests.unit.mutants import other_bytes, other_entries
from tests.unit.plotting.conftest import results

MODELS = {"first": ["t"], "second": ["g", "q"], "third": ["w"]}
MODEL = {"latent_dim": 8, "decoder": "one_shot", "prior": "normal"}
SYMMETRY = {"particle_fp32": 1e-6, "residual_group": "rotations about the beam"}


@pytest.fixture
def folder(tmp_path, write_arrays, write_history):
    """The results of a run of three models, each of 60,000 jets a type and 20,000 compared."""
    place = tmp_path / "results"

    def write(path, text):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)

    kinds = [kind for kinds in MODELS.values() for kind in kinds]
    config = {
        "data": {"max_particles": 30, "jet_types": {kind: {"source": "pythia"} for kind in kinds}},
        "models": {name: {"jet_types": kinds} for name, kinds in MODELS.items()},
    }
    write("config.yaml", yaml.safe_dump(config))
    for name, kinds in MODELS.items():
        training = {"training_jets": 60_000 * len(kinds)}
        write(f"models/{name}/config.json", json.dumps({"model": MODEL, "training": training}))
        symmetry = {"model": name, "figures": SYMMETRY, "broken_bounds": []}
        write(f"equivariance/{name}.json", json.dumps(symmetry))
        write(f"timings/train/{name}.tsv", "s\tcpu_time\n90\t60\n")
        if name != "third":
            shutil.copy(write_history(3), place / "models" / name / "history.csv")
        for kind in kinds:
            one = results(kind, name)
            one["sizes"] |= {"test": 30_000, "generated": 20_000, "compared": 20_000}
            write(f"evaluation/{name}/{kind}.json", json.dumps(one))
            arrays = write_arrays(f"{kind}.h5", jet_type=kind, model=name)
            shutil.move(arrays, place / f"evaluation/{name}/{kind}.h5")
    return place


def first_line(text):
    return text.partition("<h1")[2].partition(">")[2].partition("</h1>")[0]


def changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_the_command_writes_the_figure_and_the_page(folder, tmp_path):
    (folder / "plots").mkdir()
    (folder / "plots/summary.png").write_bytes(b"\x89PNG of the summary")
    png, html = tmp_path / "o.png", tmp_path / "o.html"
    line = ["overview", folder, "--output", png, "--page", html, "--dpi", 40]
    done = CliRunner().invoke(command, list(map(str, line)), catch_exceptions=False)
    assert done.exit_code == 0
    text = html.read_text()
    assert text.count("data:image/png;base64,") == 2
    assert "The first 3 of 4 evaluations" in text
    # what was run
    for words in (
        "<td>60,000</td>", "<td>120,000</td>", "<td>30,000</td>", "<td>20,000</td>",
        "3 epochs, 30 steps, 1.5 min", "as it was", "4.5 min (3.0 min of CPU)", "UTC, HyperVAE",
        "encoder of 8 latent dimensions, decoder one_shot, prior normal",
        "what stays exact is: rotations about the beam", machine(), "max_particles: 30",
    ):  # fmt: skip
        assert words in text
    # and what came out: all metrics of the toy are 3 floors
    assert "<td>3</td>" in text
    assert text.count("30.0 ± 1.0") == 4


def test_published_numbers_are_those_of_as_many_particles(folder):
    run = read_run(folder)
    text = page.overview(run, "", "here")
    assert "real JetNet-30" in text
    assert "real JetNet-150" not in text
    assert "PC-Droid [3]" in text
    assert "a frame for our numbers, not a ranking" in text
    run.config["data"]["max_particles"] = 100
    text = page.overview(run, "", "here")
    assert "real JetNet-150" in text
    assert "real JetNet-30" not in text


def test_a_large_run_is_no_demonstration(folder):
    run = read_run(folder)
    assert page.shortfalls(run) == []
    text = page.overview(run, "", "here")
    assert first_line(text) == "HyperVAE: generated jets beside real ones"
    assert "emonstration" not in text.partition("</style>")[2]


def test_a_small_run_says_so_in_its_first_line(folder):
    def few(content):
        content["training"]["training_jets"] = 2 * page.FEWEST_TRAINED - 2

    changed(folder / "models/second/config.json", few)
    run = read_run(folder)
    assert len(page.shortfalls(run)) == 2  # of each type half
    text = page.overview(run, "", "here")
    assert first_line(text) == "Demonstration: a small run of HyperVAE"
    assert "model second, gluon jets: 49,999 to learn from, 20,000 of each sample compared" in text
    # the rule is on the page
    assert f"below {page.FEWEST_TRAINED:,} jets of a type to learn from" in text
    assert f"or {page.FEWEST_COMPARED:,} compared" in text


def test_few_compared_jets_make_a_run_small(folder):
    def few(content):
        content["sizes"]["compared"] = page.FEWEST_COMPARED - 1

    changed(folder / "evaluation/first/t.json", few)
    assert len(page.shortfalls(read_run(folder))) == 1


@pytest.mark.parametrize("models", [1, 2, 3])
def test_one_or_two_evaluations_fill_the_figure(folder, models, config):
    run = read_run(folder)
    read = [
        page.read_arrays(folder / f"evaluation/{one['model']}/{one['jet_type']}.h5")
        for one in run.results[:models]
    ]
    with page.figure_style(config):
        figure = page.draw_highlights(read, 20)
        assert len(figure.axes) == 2 * {1: 3, 2: 6, 3: 6}[models]
        words = [text.get_text() for axis in figure.axes for text in axis.texts]
        assert "top-quark jets of model first" in words
        page.save(figure, 40)


def test_an_incomplete_run_is_named(folder, tmp_path):
    with pytest.raises(InputError, match=r"config\.yaml"):
        read_run(tmp_path / "none")
    (folder / "models/first/config.json").unlink()
    with pytest.raises(InputError, match=r"first/config\.json"):
        read_run(folder)
    (folder / "config.yaml").write_text("models: {}")
    with pytest.raises(InputError, match=r"expected models and data\.jet_types"):
        read_run(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("config.yaml", "models/first/config.json", "models/first/history.csv"),
        *("equivariance/first.json", "evaluation/first/t.json", "timings/train/first.tsv"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(folder, name):
    path = folder / name
    content = path.read_bytes()
    damaged = list(other_bytes(content))
    if path.suffix in (".json", ".yaml"):
        damaged += other_entries(yaml.safe_load(content))
    taken = 0
    for other in damaged:
        path.write_bytes(other)
        try:
            page.overview(read_run(folder), "", "")
            taken += 1
        except InputError as error:
            said = str(error)
            # a name that is another leads to files that are not there
            named = str(path) in said or (name == "config.yaml" and "such file" in said)
            assert named, said
            assert said.isprintable(), said
    assert taken < len(damaged)
