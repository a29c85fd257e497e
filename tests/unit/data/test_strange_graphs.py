"""Graphs each entry of which is something else: import and validate say the same, in one line."""

import resource

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from hypervae.checks.files import check_file
from hypervae.data.importing import import_shard
from hypervae.errors import InputError

X = torch.tensor([[5.0, 3.0, 0.0, 4.0], [13.0, 12.0, 0.0, 5.0]])
Y = torch.tensor([0.0, 2.9, 0.6, 1.5])
HUGE = 10**9
STATS = {name: {"method": "zscore", "mean": 0.0, "std": 1.0} for name in ("E", "px", "py", "pz")}

#: What stands in the place of an entry.
VALUES = {
    "none": lambda v: None,
    "a text": lambda v: "text",
    "a number as text": lambda v: "12",
    "numbers as texts": lambda v: ["1.0", "2.0", "0.5", "1.0"],
    "a list": lambda v: v.tolist(),
    "a ragged list": lambda v: [[1.0], [2.0, 3.0]],
    "an array": lambda v: v.numpy(),
    "a mapping": lambda v: {"a": v},
    "a number": lambda v: 3.0,
    "a truth value": lambda v: True,
    "empty": lambda v: v[:0],
    "an axis more": lambda v: v[None],
    "flat": lambda v: v.reshape(-1),
    "turned": lambda v: v.T if v.ndim == 2 else v,
    "a column more": lambda v: torch.cat([v, v[..., :1]], dim=-1),
    "NaN": lambda v: v * torch.nan,
    "infinite": lambda v: v.abs() * torch.inf + torch.inf,
    "zero": lambda v: torch.zeros_like(v),
    "negative": lambda v: -v,
    "1e30": lambda v: v * 1e30,
    "tiny": lambda v: v * 1e-30,
    "a thousand": lambda v: v * 1000,
    "float64": lambda v: v.double(),
    "bfloat16": lambda v: v.bfloat16(),
    "int64": lambda v: v.long(),
    "truth values": lambda v: v.bool(),
    "complex": lambda v: v.to(torch.complex64),
    "sparse": lambda v: v.to_sparse(),
    "with gradient": lambda v: v.clone().float().requires_grad_(),
    "a billion rows": lambda v: v[:1].expand(HUGE, *v.shape[1:]),
    "a billion columns": lambda v: v[..., :1].expand(*v.shape[:-1], HUGE),
    "a billion billion": lambda v: torch.zeros(1).expand(HUGE, HUGE),
    "sparse and huge": lambda v: torch.sparse_coo_tensor([[0], [0]], [1.0], (HUGE, HUGE)),
    "type 2.4": lambda v: torch.cat([torch.tensor([2.4]), v.reshape(-1)[1:]]),
    "type 7": lambda v: torch.cat([torch.tensor([7.0]), v.reshape(-1)[1:]]),
}
ENTRIES = ("x", "y", "edge_attr", "edge_index", "particle_norm_stats", "jet_norm_stats")
TAKEN = {"float64", "bfloat16", "a list", "with gradient"}


def graph(**changes):
    values = {
        "x": X,
        "y": Y,
        "edge_index": torch.tensor([[0, 1], [1, 0]]),
        "edge_attr": torch.ones(2, 4),
    } | changes
    return Data(**{key: value for key, value in values.items() if value is not None})


def judged(read):
    """Refused in one line that names the file, or taken."""
    try:
        read()
    except InputError as error:
        return str(error)
    return "taken"


@pytest.mark.parametrize("entry", ENTRIES)
def test_import_and_validate_agree(tmp_path, entry):
    path, out = tmp_path / "g.pt", tmp_path / "out.h5"
    base = {"edge_index": torch.tensor([[0, 1], [1, 0]]), "edge_attr": torch.ones(2, 4)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = set()
    for name, change in VALUES.items():
        value = change({"x": X, "y": Y, **base}.get(entry, X))
        torch.save([graph(), graph(**{entry: value})], path)
        imported = judged(lambda: import_shard(path, out, "g", 4))
        checked = judged(lambda: check_file(path))
        for text in (imported, checked):
            assert text == "taken" or text.startswith(f"{path}: "), (name, text)
            assert text.isprintable(), (name, text)
            assert len(text) < 1000, (name, text)
        if entry.startswith("edge"):  # which import does not read
            assert imported == "taken" or "other classes" in imported, (name, imported)
        elif "jet type" not in imported:
            assert (imported == "taken") == (checked == "taken"), (name, imported, checked)
        if checked == "taken":
            taken.add(name)
    if entry in "xy":
        assert taken >= TAKEN
    assert len(VALUES) - len(taken) > 10
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # kB


@pytest.mark.parametrize("kind", ["x", "y"])
def test_texts_are_no_numbers(tmp_path, kind):
    value = np.array([["1.0", "0.6", "0.0", "0.8"]] if kind == "x" else ["0", "2", "0", "1"])
    torch.save([graph(), graph(**{kind: value.tolist()})], tmp_path / "g.pt")
    with pytest.raises(InputError, match=rf"graph 1: {kind}: found list, expected numbers"):
        check_file(tmp_path / "g.pt")


def test_a_type_between_two_is_none(tmp_path):
    torch.save([graph(y=Y + torch.tensor([2.4, 0, 0, 0]))], tmp_path / "g.pt")
    with pytest.raises(InputError, match=r"y.*2\.4"):
        import_shard(tmp_path / "g.pt", tmp_path / "out.h5", "t", 4)
    assert not (tmp_path / "out.h5").exists()
