"""Shipped weights: half precision for networks, tables as they were."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks import release
from hypervae.errors import ConfigError
from hypervae.model import HyperVAE
from hypervae.model.files import files_of
from hypervae.model.pretrained import pretrained_folder


def test_a_released_model_loads_and_differs_by_the_rounding_alone(tmp_path, capsys, monkeypatch):
    source = tmp_path / "models" / "w"
    source.parent.mkdir()
    whole = HyperVAE.load(pretrained_folder("w"))
    with torch.no_grad():
        for weights in whole.parameters():
            weights.mul_(1 + 1e-4)  # now none of them is a number of half precision
    whole.save(source, files_of(pretrained_folder("w")).normalization)
    monkeypatch.setattr("sys.argv", ["release", str(source.parent), "--target", str(tmp_path)])
    release.main()
    size = json.loads(capsys.readouterr().out)["w"]
    assert size < 0.7 * files_of(source).weights.stat().st_size
    shipped = HyperVAE.load(tmp_path / "w")
    networks = dict(whole.named_parameters())
    for name, value in shipped.state_dict().items():
        original = whole.state_dict()[name]
        assert value.dtype == original.dtype
        if name in networks:
            torch.testing.assert_close(value, original, rtol=1e-3, atol=1e-7)
        else:
            assert torch.equal(value, original) or bool(original.isnan().any())


def test_weights_beyond_half_precision_are_refused(tmp_path):
    source = tmp_path / "w"
    model = HyperVAE.load(pretrained_folder("w"))
    model.save(source, files_of(pretrained_folder("w")).normalization)
    state = load_file(files_of(source).weights)
    name = next(iter(dict(model.named_parameters())))
    state[name] = state[name] + 1e6
    save_file(state, files_of(source).weights)
    with pytest.raises(SystemExit, match=name):
        release.release(source, tmp_path / "shipped")
    assert not (tmp_path / "shipped").exists()


def test_a_model_is_not_released_onto_itself(tmp_path):
    source = tmp_path / "w"
    HyperVAE.load(pretrained_folder("w")).save(
        source, files_of(pretrained_folder("w")).normalization
    )
    before = (source / "weights.safetensors").read_bytes()
    (tmp_path / "linked").symlink_to(tmp_path)
    for target in (source, tmp_path / "linked" / "w"):
        with pytest.raises(ConfigError, match=r"--target: found .*, which models reads"):
            release.release(source, target)
    assert (source / "weights.safetensors").read_bytes() == before
