"""The command line as a whole: help without weight, and errors without tracebacks."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hypervae import __version__
from hypervae.cli import SUBCOMMANDS, cli, main
from hypervae.formats.shard_writer import write_shard
from tests.unit.toys import toy_jets

HEAVY = (
    "torch",
    "lightning",
    "lgatr",
    "jetnet",
    "numba",
    "h5py",
    "scipy",
    "matplotlib",
    "pythia8mc",
    "yaml",
)
HELP = """
import json, sys
from click.testing import CliRunner
from hypervae.config import STAGES
from hypervae.cli import SUBCOMMANDS, cli
answers = {}
for name in SUBCOMMANDS:
    done = CliRunner().invoke(cli, [name, "--help"])
    heavy = [module for module in json.loads(sys.argv[1]) if module in sys.modules]
    heavy += [name for name in STAGES if STAGES[name].config.__pydantic_complete__]
    answers[name] = (done.exit_code, done.output, heavy)
print(json.dumps(answers))
"""


def hypervae(*arguments, cwd=None):
    """The real program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "hypervae", *map(str, arguments)],
        cwd=cwd,
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_subcommand():
    done = CliRunner().invoke(cli, ["--help"])
    assert done.exit_code == 0
    for name, summary in SUBCOMMANDS.items():
        assert f"  {name}  " in done.output
        assert summary in " ".join(done.output.split())


def test_every_subcommand_explains_itself_without_loading_what_it_will_need():
    done = subprocess.run(
        [sys.executable, "-c", HELP, json.dumps(HEAVY)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout)
    assert set(answers) == set(SUBCOMMANDS)
    for name, (code, text, heavy) in answers.items():
        assert code == 0, name
        assert text.startswith(f"Usage: cli {name}")
        assert heavy == [], name


def test_version():
    assert CliRunner().invoke(cli, ["--version"]).output == f"hypervae, version {__version__}\n"


def test_an_unknown_subcommand_is_named():
    done = hypervae("corelators")
    assert done.returncode == 2
    assert "no such command as 'corelators'" in done.stderr


@pytest.fixture
def shard(tmp_path):
    write_shard(tmp_path / "shard.h5", toy_jets(6), source="toys")
    return tmp_path / "shard.h5"


def test_a_whole_step_by_hand(shard, tmp_path):
    done = hypervae("correlators", "--input", shard, "--output", "new/out.h5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    arguments = ("--correlators", "new/out.h5", "--output", "n.h5", "--method", "minmax")
    done = hypervae("normalize", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "n.h5").is_file()


def assert_one_message(done, *words):
    assert done.returncode == 1
    assert done.stderr.startswith("hypervae: error: ")
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


def test_a_missing_file_is_one_message(tmp_path):
    done = hypervae("correlators", "--input", tmp_path / "no.h5", "--output", tmp_path / "o.h5")
    assert_one_message(done, "no.h5", "no such file")


def test_bad_jets_are_one_message_and_no_output(tmp_path):
    jets = toy_jets(6)
    write_shard(tmp_path / "shard.h5", jets, source="toys")
    content = (tmp_path / "shard.h5").read_bytes()
    (tmp_path / "shard.h5").write_bytes(
        content.replace(np.float32(jets.jet_features[3, 0]).tobytes(), np.float32(-5).tobytes())
    )
    done = hypervae("correlators", "--input", "shard.h5", "--output", "o.h5", cwd=tmp_path)
    assert_one_message(done, "shard.h5", "jet_features pt", "-5.0 at row 3", "pt > 0 GeV")
    assert not (tmp_path / "o.h5").exists()


def test_a_bad_key_is_one_message(shard, tmp_path):
    done = hypervae("correlators", "--input", shard, "--output", tmp_path / "o.h5", "--bins", "0")
    assert_one_message(done, "bins", "found 0", "expected at least 1")


def test_an_output_below_a_file_is_one_message(shard):
    done = hypervae("correlators", "--input", shard, "--output", shard / "out.h5")
    assert_one_message(done, str(shard))


@pytest.mark.parametrize(
    "arguments",
    [
        ("correlators",),
        ("correlators", "--input", "x", "--output", "y.h5", "--bin", "3"),
        ("simulate", "--jet-type", "x", "--output", "y.h5"),
        ("plot", "nothing"),
    ],
)
def test_wrong_usage_is_explained(arguments):
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert "hypervae: error: " in done.output
    assert "--help)" in done.output


@pytest.mark.parametrize(
    ("line", "searches"),
    [
        ("from hypervae.cli import main; main()", False),
        ("from hypervae.config import resolve_section; resolve_section('plot', {})", True),
    ],
    ids=["job", "library"],
)
def test_a_job_does_not_search_for_plugins_of_pydantic(line, searches):
    code = (
        "import sys; from importlib import metadata; "
        "sys.argv[1:] = 'plot history --input missing.csv --output figure.png'.split()\n"
        f"metadata.distributions = lambda: sys.exit('looked for plugins')\n{line}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ("looked for plugins" in done.stderr) == searches
    assert ("missing.csv" in done.stderr) == (not searches)


def test_a_lack_of_memory_is_one_line(monkeypatch, capsys):
    def run(**_):
        raise MemoryError("Unable to allocate 7.45 TiB")

    monkeypatch.setattr("hypervae.cli.cli", run)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    expected = "hypervae: error: not enough memory (Unable to allocate 7.45 TiB)\n"
    assert capsys.readouterr().err == expected


needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


def to_full_disk(*arguments, program=("-m", "hypervae")):
    """The real program, whose output finds no space; its errors are given back."""
    with open("/dev/full", "w") as full:
        return subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": ""},
            stdout=full,
            stderr=full,
            check=False,
        )


@needs_full_device
def test_a_job_that_has_done_its_work_does_not_fail_for_want_of_a_log(tmp_path):
    shard, output = tmp_path / "shard.h5", tmp_path / "out" / "correlators.h5"
    write_shard(shard, toy_jets(20, 8), jet_type="q", source="toy")
    done = to_full_disk("correlators", "--input", shard, "--output", output)
    assert done.returncode == 0
    assert output.exists()


@needs_full_device
@pytest.mark.parametrize(("does", "fails"), [("click.echo('wrote model')", False), ("1 / 0", True)])
def test_a_training_does_not_fail_for_want_of_a_log(tmp_path, does, fails):
    program = (
        "import click, hypervae.cli\n"
        "from hypervae.cli.commands.train import command\n"
        f"command.callback = lambda **_: {does}\n"
        "hypervae.cli.main()\n"
    )
    files = [
        word for name in ("shards", "correlators", "normalization") for word in (f"--{name}", "x")
    ]
    given = (*files, "--output-dir", tmp_path / "model", "--jet-types", "q")
    done = to_full_disk("train", *given, program=("-c", program))
    assert bool(done.returncode) is fails


@needs_full_device
def test_a_command_whose_result_is_what_it_prints_fails_without_space():
    assert to_full_disk("doctor").returncode != 0


def test_a_full_disk_is_one_line_and_exit_status_1(tmp_path):
    program = (
        "import hypervae.cli as cli\n"
        "from hypervae.errors import DiskFull\n"
        "def fails(**_): raise DiskFull('a.h5', 'No space left on device')\n"
        "cli.cli = fails\n"
        "cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 1
    assert done.stderr == (
        "hypervae: error: a.h5: output: found no way to write it (No space left on device), "
        "expected space on its disk\n"
    )
