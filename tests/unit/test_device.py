import pytest
import torch

from hypervae.device import bf16_instructions, choose_device, choose_precision
from hypervae.doctor import describe
from hypervae.errors import HyperVAEError


@pytest.fixture
def cuda(monkeypatch):
    """Pretend that there is a GPU of some compute capability, or none."""

    def pretend(capability):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)

    return pretend


def test_auto_takes_the_gpu_where_there_is_one(cuda):
    cuda((7, 5))
    assert choose_device("auto") == choose_device("cuda") == "cuda"
    assert choose_device("cpu") == "cpu"
    cuda(None)
    assert choose_device("auto") == "cpu"
    with pytest.raises(HyperVAEError, match="no CUDA device"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), "16-mixed"), ((8, 0), "bf16-mixed"), ((9, 0), "bf16-mixed"), ((6, 1), "16-mixed")],
)
def test_auto_precision_follows_the_compute_capability(cuda, capability, expected):
    cuda(capability)
    assert choose_precision("auto", "cuda") == expected
    assert choose_precision("auto", "cpu") == "32-true"
    assert choose_precision("32", "cuda") == "32-true"
    assert choose_precision("bf16-mixed", "cuda") == "bf16-mixed"


CPUS = {
    "flags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile\n": True,
    "flags\t\t: fpu amx_bf16\n": True,
    "flags\t\t: fpu avx2 avx512f\nbugs\t: avx512_bf16\n": False,
    "Features\t: fp asimd\n": False,
}


@pytest.mark.parametrize(("text", "expected"), CPUS.items())
def test_auto_precision_on_a_cpu_follows_its_instructions(tmp_path, monkeypatch, text, expected):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{text}")
    has = bf16_instructions(tmp_path / "cpuinfo")
    assert has == expected
    monkeypatch.setattr("hypervae.device.bf16_instructions", lambda: has)
    assert choose_precision("auto", "cpu") == "32-true"
    assert choose_precision("auto", "cpu", fast_in_bf16=True) == (
        "bf16-mixed" if expected else "32-true"
    )
    assert choose_precision("32", "cpu", fast_in_bf16=True) == "32-true"


def test_where_a_cpu_says_nothing_it_has_no_bf16(tmp_path):
    assert not bf16_instructions(tmp_path / "missing")


def test_doctor_names_versions_and_choices(cuda):
    cuda(None)
    text = "\n".join(describe())
    for word in (f"torch {torch.__version__}", "lgatr 2", "numpy 2", "CPUs", "GPU: none"):
        assert word in text
    assert "auto chooses device cpu and precision 32-true" in text
