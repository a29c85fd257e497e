"""What `make` hands to Snakemake, word by word."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAMES = [
    "my.yaml",
    "my config.yaml",
    "-my.yaml",
    "it's.yaml",
    'a "b".yaml',
    "{a}.yaml",
    "a$b;c&d.yaml",
    "$(HOME).yaml",
    "ü\\.yaml",
    "sub folder/c,d=e.yaml",
]
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def make(tmp_path):
    """`make`, with programs that only show their arguments."""
    (tmp_path / "bin").mkdir()
    show = "import json, sys\nprint('SHOWN ' + json.dumps(sys.argv[1:]))\n"
    for name in ("snakemake", "python"):
        program = tmp_path / "bin" / name
        program.write_text(f"#!{sys.executable}\n{show}")
        program.chmod(0o755)
    (tmp_path / ".installed").write_text("cpu\n")

    def run(target, **variables):
        words = [f"{name}={value}" for name, value in variables.items()]
        command = ["make", "-o", f"{tmp_path}/.installed", target, f"VENV={tmp_path}", *words]
        command += ["-f", str(ROOT / "Makefile"), "-o", "pyproject.toml"]
        for lock in ("torch", "cpu", "cuda"):
            command += ["-o", f"requirements/{lock}.lock"]
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        shown = [line for line in done.stdout.splitlines() if line.startswith("SHOWN ")]
        return json.loads(shown[-1].removeprefix("SHOWN "))

    return run


@needs_make
@pytest.mark.parametrize("name", NAMES)
def test_a_config_of_any_name_is_one_word(make, name, tmp_path):
    if " " in name:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    one = f"--configfile={name}"
    assert make("run", CONFIG=name, CORES=3) == [one, "--cores", "3"]
    assert make("why", CONFIG=name) == ["-m", "hypervae.workflow.why", one, "--dry-run"]
    words = make("recover", CONFIG=name, PROFILE=name)
    assert words[2:] == ["recover", one, f"--profile={name}"]


@needs_make
@pytest.mark.parametrize("configs", ["my.yaml", "base.yaml more.yaml", "base.yaml 'my own.yaml'"])
def test_targets_are_no_further_configs(make, configs):
    """As Snakemake itself reads what it is given."""
    from snakemake.cli import get_argument_parser

    given = "results/overview.html -n --config a=1"
    words = make("run", CONFIG=configs, ARGS=given, CORES=1)
    known = get_argument_parser().parse_args(words)
    assert [str(path) for path in known.configfile] == shlex.split(configs)
    assert list(known.targets) == ["results/overview.html"]
    assert known.dryrun
    words = make("why", CONFIG=configs, ARGS="results/overview.html")[2:]
    known = get_argument_parser().parse_args(words)
    assert [str(path) for path in known.configfile] == shlex.split(configs)
    words = make("recover", CONFIG=configs, ARGS="results/overview.html")[3:]
    known = get_argument_parser().parse_args(words)
    assert [str(path) for path in known.configfile] == shlex.split(configs)


@needs_make
def test_without_a_config_there_is_no_word_of_it(make):
    assert make("run", CORES=2) == ["--cores", "2"]
    assert make("recover")[2:] == ["recover", "--profile=profiles/slurm"]
