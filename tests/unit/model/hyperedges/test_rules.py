import warnings

import pytest
import torch

from hypervae.errors import ConfigError
from hypervae.model import ModelConfig
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.hyperedges.rules import choose_mode, number_of_sets, resolved_modes


def test_number_of_sets():
    assert number_of_sets(26, [3, 4]) == 17_550
    assert number_of_sets(30, [3, 4]) == 31_465
    assert number_of_sets(2, [3, 4]) == 0
    assert number_of_sets(30, []) == 0


@pytest.mark.parametrize(
    ("sets", "device", "mode"),
    [
        (0, "cpu", "attention"),
        (99, "cuda", "attention"),
        (100, "cpu", "binned"),
        (100, torch.device("cuda", 1), "mlp"),
        (31_465, "cuda:0", "mlp"),
        (31_465, torch.device("cpu"), "binned"),
    ],
)
def test_auto(sets, device, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose_mode("auto", sets, device) == mode


@pytest.mark.parametrize("mode", HYPEREDGE_MODES)
def test_a_mode_by_name_is_taken(mode):
    sets = 99 if mode == "attention" else 10**6
    assert choose_mode(mode, sets, "cpu") == mode


@pytest.mark.parametrize("sets", [100, 1000])
def test_full_attention_warns_up_to_a_thousand(sets):
    with pytest.warns(UserWarning, match=f"full attention among {sets:,} hyperedges.*GiB"):
        assert choose_mode("attention", sets) == "attention"


def test_full_attention_is_refused_above_with_the_memory_it_would_need():
    # 8 heads, float32: 4 * 8 * 17,550^2 bytes
    with pytest.raises(ConfigError, match=r"17,550 hyperedges.*8 heads take 9\.18 GiB") as error:
        choose_mode("attention", 17_550, heads=8)
    assert "binned" in str(error.value)
    with pytest.raises(ConfigError, match="refused above 1,000"):
        choose_mode("attention", 1001)


def test_unknown_modes_are_refused():
    with pytest.raises(ConfigError, match="hyperedge mode: found 'all', expected one of attention"):
        choose_mode("all", 10)


def test_modes_of_a_model(normalization):
    config = ModelConfig.of({"hyperedge_decoder": "chunked"})
    for device, encoder in (("cpu", "binned"), ("cuda", "mlp")):
        found = resolved_modes(config, normalization, device)
        assert (found.hyperedge_encoder, found.hyperedge_decoder) == (encoder, "chunked")
    refused = ModelConfig.of({"hyperedge_encoder": "attention"})
    with pytest.warns(UserWarning, match="330 hyperedges"):  # sets of 3 and 4 among 10 particles
        assert resolved_modes(refused, normalization, "cpu").hyperedge_encoder == "attention"
