"""Config files that Snakemake would choke on are refused before it sees them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hypervae.errors import ConfigError
from hypervae.workflow.config_files import check_configs, given_configs, refused

ROOT = Path(__file__).resolve().parents[3]
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
REFUSED = {
    "latin1": ("name: für\n".encode("latin-1"), "found no text"),
    "utf-16": ("seed: 1\n".encode("utf-16"), "found no text"),
    "utf-32": ("seed: 1\n".encode("utf-32"), "found"),
    "a NUL": (b"seed: 1\0\n", "not valid YAML"),
    "binary": (bytes(range(256)), "found"),
    "empty": (b"", "found nothing, expected keys"),
    "a comment": (b"# nothing\n", "found nothing, expected keys"),
    "a list": (b"- a\n- b\n", "found a list, expected keys"),
    "a text": (b"seed\n", "found a str, expected keys"),
    "a number": (b"3\n", "found a int, expected keys"),
    "tabs": (b"data:\n\tseed: 1\n", "found"),
    "twice": (b"seed: 1\nseed: 2\n", "seed"),
    "laughs": (BOMB.encode(), "found"),
    "deep": (b"[" * 100_000, "found"),
    "two documents": (b"seed: 1\n---\nseed: 2\n", "found"),
    "a tag": (b"seed: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_config_is_refused(tmp_path, what, capsys):
    content, found = REFUSED[what]
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    assert refused([f"--configfile={path}", "--cores", "1"])
    said = capsys.readouterr().err
    assert said.startswith(f"hypervae: error: {path}: ")
    assert said.count("\n") == 1
    assert found in said


def test_what_is_no_file_is_refused(tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(b"a: 1 # " + b"x" * 100_000_000)
    for name in ("folder", "none", "large"):
        assert refused(["--configfile", str(tmp_path / name)])
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"{name}: found" in said


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "c.yaml"
    path.write_text("seed: 1")
    # (root may read any file)
    monkeypatch.setattr("hypervae.config.yaml_text.open", forbidden, raising=False)
    with pytest.raises(ConfigError, match=r"c\.yaml: found no way to read it .Permission denied"):
        check_configs([f"--configfile={path}"])


@pytest.mark.parametrize("content", [b"seed: 1\n", b"\xef\xbb\xbfseed: 1\n", b'{"seed": 1}'])
def test_what_is_a_config_is_not(tmp_path, content):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    assert not refused(["-n", "--configfile", str(path)])


def test_configs_are_found_as_snakemake_finds_them():
    assert given_configs(["-n", "--configfile", "a", "b c", "--cores", "1", "target"]) == [
        "a",
        "b c",
    ]
    assert given_configs(["--configfile=-a.yaml", "target"]) == ["-a.yaml"]
    assert given_configs(["--configfiles", "a", "--", "b"]) == ["a"]
    assert given_configs(["--cores", "3"]) == []


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["run", "why", "recover"])
def test_make_says_it_in_one_line(tmp_path, target):
    path = tmp_path / "latin1.yaml"
    path.write_bytes("name: für\n".encode("latin-1"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".installed").write_text("cpu\n")
    command = ["make", "-s", "-o", f"{tmp_path}/.installed", target, f"VENV={tmp_path}"]
    command += [f"CONFIG={path}", "-o", "pyproject.toml"]
    for lock in ("torch", "cpu", "cuda"):
        command += ["-o", f"requirements/{lock}.lock"]
    # a link to the interpreter finds no packages of a virtual environment by itself
    command.append(f"PY=env PYTHONPATH={':'.join(p for p in sys.path if p)} {sys.executable}")
    # make test is a make, too, which would number the lines of this one
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"hypervae: error: {path}: found no text")
    assert done.returncode
