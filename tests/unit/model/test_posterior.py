"""Encoding many jets, and the measures of their posteriors."""

import pytest
import torch
from torch import nn

from hypervae.model import HyperVAE
from hypervae.model.posterior import active, encode_jets, kl_per_dimension
from tests.unit.chain import MODEL, small_jets


def test_jets_are_encoded_in_evaluation_mode_and_the_mode_stays(normalization):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g", "q"], {**MODEL, "dropout": 0.5}).train()
    jets = small_jets(12)
    found = encode_jets(model, (model.batch(jets[s : s + 5], type_index=1) for s in (0, 5, 10)))
    assert model.training
    with torch.no_grad():
        mean, log_variance = model.eval().encoder(model.batch(jets, type_index=1))
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.width, (log_variance / 2).exp())
    assert found.jet_type.tolist() == [1] * 12


class Means(nn.Module):
    """A model whose encoder gives the batch itself."""

    device = torch.device("cpu")

    def posterior(self, batch):
        return batch.mean, torch.zeros_like(batch.mean)


class Batch:
    mean, jet_type = torch.ones(100, 2), torch.zeros(100, dtype=torch.int64)

    def __len__(self):
        return 100

    def to(self, device):
        return self


def test_only_so_many_jets_are_read():
    read = []

    def batches():
        for number in range(100):
            read.append(number)
            yield Batch()

    assert len(encode_jets(Means(), batches(), 250)) == 300
    assert len(read) == 3


def test_kl_of_a_gaussian_by_hand():
    mean, width = torch.tensor([0.0, 2.0, 0.0]), torch.tensor([1.0, 1.0, 0.5])
    found = kl_per_dimension(mean, 2 * width.log())
    wanted = [0.0, 2.0, 0.5 * (0.25 - 1) + float(torch.log(torch.tensor(2.0)))]
    assert found.tolist() == pytest.approx(wanted, abs=1e-6)


def test_a_dimension_is_active_where_its_mean_varies():
    assert active(torch.tensor([0.0, 0.009, 0.011, 1.0])).tolist() == [False, False, True, True]
