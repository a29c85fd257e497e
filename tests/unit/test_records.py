from dataclasses import dataclass

import torch
from torch import Tensor

from hypervae.records import TensorRecord


@dataclass
class Inner(TensorRecord):
    a: Tensor


@dataclass
class Outer(TensorRecord):
    b: Tensor
    inner: Inner | None = None
    more: Tensor | None = None


def record():
    return Outer(torch.arange(5.0), Inner(torch.arange(10).view(5, 2)))


def test_map_reaches_every_tensor():
    found = record().map(lambda tensor: tensor + 1)
    assert found.b.tolist() == [1, 2, 3, 4, 5]
    assert found.inner.a[0].tolist() == [1, 2]
    assert found.more is None
    assert len(found.tensors()) == 2


def test_parts_share_the_memory_and_keep_the_order():
    whole = record()
    parts = whole.split(2)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part.inner.a for part in parts]), whole.inner.a)
    assert parts[1].b.data_ptr() == whole.b[2:].data_ptr()


def test_rows_and_devices():
    whole = record()
    assert whole[torch.tensor([3, 0])].inner.a.tolist() == [[6, 7], [0, 1]]
    assert whole.to("meta").inner.a.device.type == "meta"
