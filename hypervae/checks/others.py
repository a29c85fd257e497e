"""Check what the workflow writes beside HDF5: texts, tables, pages, pictures, models."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from hypervae.errors import ConfigError, InputError


class Kind(NamedTuple):
    """A kind of file.

    Attributes
    ----------
    recognizes : callable
        Whether a file is one, by its path and its first bytes.
    check : callable
        Reads it, and says in lines what it holds; raises `InputError` where it is damaged.
    use : str
        What it can be used for.
    """

    recognizes: Callable[[Path, bytes], bool]
    check: Callable[[Path], list[str]]
    use: str


def _refuse(path: Path, field: str, found: object, expected: str) -> NoReturn:
    raise InputError(path, field, found=str(found), expected=expected)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        _refuse(path, "text", f"bytes that are none ({error})", "UTF-8")


def _json(path: Path, **kinds: type) -> Mapping[str, Any]:
    """The content of a file, which has entries of these types."""
    try:
        content = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        _refuse(path, "JSON", error, "a whole JSON file")
    if not isinstance(content, dict):
        _refuse(path, "JSON", f"a {type(content).__name__}", "an object")
    for name, kind in kinds.items():
        if not isinstance(content.get(name), kind):
            found = type(content[name]).__name__ if name in content else "no such entry"
            _refuse(path, name, found, kind.__name__)
    return content


def _json_with(*names: str) -> Callable[[Path, bytes], bool]:
    """JSON that names these keys at its top; a damaged one is recognized by its start."""

    def recognizes(path: Path, head: bytes) -> bool:
        if path.suffix != ".json" or not head.lstrip().startswith(b"{"):
            return False
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return True
        return isinstance(content, dict) and all(name in content for name in names)

    return recognizes


def _named(*suffixes: str) -> Callable[[Path, bytes], bool]:
    return lambda path, head: path.suffix.lower() in suffixes


def _results(path: Path) -> list[str]:
    from hypervae.formats.evaluation import read_results

    (content,) = read_results([path])
    named = f" of model {content['model']}" if content.get("model") else ""
    return [
        f"results of an evaluation{named}, type {content['jet_type']}: {len(content['metrics'])} "
        f"metrics of {content['sizes']['compared']} jets",
    ]


def _equivariance(path: Path) -> list[str]:
    from hypervae.formats.equivariance import read_equivariance

    content = read_equivariance(path)
    return [
        f"equivariance of model {content['model']}: {len(content['figures'])} figures, "
        f"{len(content['broken_bounds'])} bounds broken"
    ]


def _model(path: Path) -> list[str]:
    """A model's config, weights or normalization: all of the folder, as they are loaded."""
    from hypervae.model import HyperVAE

    place = path.parent if path.suffix == ".json" else path
    model = HyperVAE.load(place)
    numbers = sum(parameter.numel() for parameter in model.parameters())
    return [
        f"a trained model of {', '.join(model.jet_types)} jets: {numbers} parameters, decoder "
        f"{model.config.decoder}, {model.config.latent_dim} latent dimensions"
    ]


def _run(path: Path) -> list[str]:
    content = _json(path, jet_types=list)
    return [f"what a training was asked for, of {', '.join(map(str, content['jet_types']))} jets"]


def _checkpoint(path: Path) -> list[str]:
    from hypervae.training.checkpoint import read_checkpoint

    state = read_checkpoint(path)
    return [f"a checkpoint of the run {state['fingerprint']}: {', '.join(sorted(state))[:200]}"]


def _history(path: Path) -> list[str]:
    from hypervae.formats.history import read_history

    columns = read_history(path)
    return [f"a training's history: {len(columns['epoch'])} epochs, {len(columns)} columns"]


def _table(path: Path) -> list[str]:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    try:
        rows = list(csv.reader(_text(path).splitlines(), delimiter=delimiter))
    except csv.Error as error:
        _refuse(path, "table", error, "cells of text")
    if not rows:
        _refuse(path, "table", "no line", "one with the names of the columns")
    header, width = rows[0], len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            _refuse(path, f"line {number}", f"{len(row)} cells", f"{width}, as in the first line")
    return [f"a table of {len(rows) - 1} rows: {', '.join(header)[:200]}"]


def _config(path: Path) -> list[str]:
    from hypervae.config.whole import resolve_config
    from hypervae.config.yaml_text import read_yaml

    try:
        config = resolve_config(read_yaml(_text(path), str(path)))
    except ConfigError as error:
        _refuse(path, "config", error, "a config of the workflow")
    return [f"a config: jets {', '.join(config.data.jet_types)}; models {', '.join(config.models)}"]


def _list(path: Path) -> list[str]:
    from hypervae.io import read_list

    try:
        files = read_list(path)
    except InputError as error:
        if "which is missing" not in error.found or path.parent.name not in ("models", "shards"):
            raise
        # paths from the run's folder, which may not be the present one
        files = [Path(line) for line in _text(path).splitlines() if line]
        return [f"a list of {len(files)} files, {files[0]} the first, not all of which are here"]
    return [f"a list of {len(files)} files, {files[0]} the first"]


def _page(path: Path) -> list[str]:
    text = _text(path)
    if "</html>" not in text[-4096:].lower():
        _refuse(path, "end", repr(text[-20:]), "</html>: the page is cut")
    title = re.search(r"<title>(.*?)</title>", text[:100_000], re.DOTALL)
    return [f"a page, {title[1].strip() if title else 'without title'}"]


def _png(path: Path) -> list[str]:
    content = path.read_bytes()
    width, height = (int.from_bytes(content[place : place + 4], "big") for place in (16, 20))
    if b"IEND" not in content[-16:]:
        _refuse(path, "end", content[-8:], "IEND: the picture is cut")
    return [f"a picture of {width} x {height} pixels"]


def _pdf(path: Path) -> list[str]:
    content = path.read_bytes()
    if b"%%EOF" not in content[-1024:]:
        _refuse(path, "end", content[-8:], "%%EOF: the file is cut")
    return ["a figure (PDF)"]


def _svg(path: Path) -> list[str]:
    if "</svg>" not in _text(path)[-200:]:
        _refuse(path, "end", "no </svg>", "the end of a picture")
    return ["a figure (SVG)"]


def _log(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [f"the log of a job, {len(lines)} lines"]


def _events(path: Path) -> list[str]:
    return [f"curves of a training, {path.stat().st_size} bytes"]


def _is_table(path: Path, head: bytes) -> bool:
    return path.suffix in (".csv", ".tsv") and not _is_history(path, head)


def _is_history(path: Path, head: bytes) -> bool:
    return path.suffix == ".csv" and head.startswith(b"epoch")


def _is_list(path: Path, head: bytes) -> bool:
    return path.suffix == ".txt"


#: The kinds of files, those first that are recognized by more.
OTHERS = (
    Kind(lambda _, head: head.startswith(b"\x89PNG\r\n"), _png, "people"),
    Kind(lambda _, head: head.startswith(b"%PDF-"), _pdf, "people"),
    Kind(_named(".svg"), _svg, "people"),
    Kind(_named(".html"), _page, "a browser"),
    Kind(_json_with("sizes", "metrics"), _results, "plot summary, sweep"),
    Kind(_json_with("broken_bounds"), _equivariance, "people and the report"),
    Kind(_json_with("normalization_digest"), _model, "generate, evaluate, adopt, models.X.weights"),
    Kind(_json_with("config", "jet_types"), _run, "train, which goes on from there"),
    Kind(_named(".safetensors"), _model, "generate, reconstruct, adopt, models.X.weights"),
    Kind(_named(".ckpt"), _checkpoint, "train, which goes on from there"),
    Kind(_is_history, _history, "plot history"),
    Kind(_is_table, _table, "people"),
    Kind(_named(".yaml", ".yml"), _config, "snakemake --configfile"),
    Kind(_is_list, _list, "options that take a list of files"),
    Kind(lambda path, _: "tfevents" in path.name, _events, "tensorboard --logdir"),
    Kind(_named(".log"), _log, "people"),
)
