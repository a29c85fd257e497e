"""Classifier two-sample test: whether a network can tell two samples of jets apart.

(Lopez-Paz, Oquab, arXiv:1610.06545.) A small deep set (Zaheer et al., arXiv:1703.06114) is trained
on a third of the jets, stopped by another third and judged on the last, which it has never seen;
and again with other thirds and other weights, since one training is one draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hypervae.data.jets import Jets
from hypervae.evaluation.distance import MetricValue
from hypervae.seeds import derive_seed, rng

#: Trainings, each with its own thirds, first weights and batches.
SEEDS = 4
#: Jets below which a third tells nothing.
FEWEST = 60
_WIDTH = 64
_BATCH = 256
_EPOCHS = 60
# Epochs without a better loss on the second third, after which training stops.
_PATIENCE = 8
_RATE = 2e-3
_LOWEST = 1e-6  # of what stands in a logarithm


def classifier_auc(jets: Jets, reference: Jets, *, seed: int, seeds: int = SEEDS) -> MetricValue:
    """Area under the ROC curve of a classifier of sample against reference.

    Parameters
    ----------
    jets, reference : Jets
        Of the same number of slots.
    seed : int
        Of the thirds, the weights and the batches.
    seeds : int
        Trainings; the value is their mean.

    Returns
    -------
    MetricValue
        0.5 where the network sees no difference, 1 where it sees it in every jet. The error adds
        DeLong's, of the jets that judge, and the spread of the trainings over the root of their
        number. DeLong's part does not shrink with more trainings: the jets stay the same.
    """
    return mean_of_trainings(
        [_trained_once(jets, reference, derive_seed(seed, "training", i)) for i in range(seeds)]
    )


def mean_of_trainings(found: Sequence[MetricValue]) -> MetricValue:
    """The mean of several trainings that judge the same jets.

    Parameters
    ----------
    found : sequence of MetricValue
        Each with DeLong's error.

    Returns
    -------
    MetricValue
        The error adds DeLong's and the spread of the trainings over the root of their number.
    """
    values, errors = np.array(found).T
    trainings = values.var(ddof=1) / len(found) if len(found) > 1 else 0.0
    return MetricValue(float(values.mean()), float(np.sqrt((errors**2).mean() + trainings)))


def _trained_once(jets: Jets, reference: Jets, seed: int) -> MetricValue:
    """AUC of one training with DeLong's error."""
    import torch

    sides = (jets, reference)
    inputs = [np.concatenate(parts) for parts in zip(*map(features, sides), strict=True)]
    label = np.repeat([1.0, 0.0], [len(side) for side in sides])
    third = np.concatenate(
        [rng(seed, "thirds", place).permutation(len(side)) % 3 for place, side in enumerate(sides)]
    )
    inputs = _scaled(inputs, third == 0)
    tensors = [torch.tensor(values, dtype=torch.float32) for values in (*inputs, label)]
    parts = [[values[torch.tensor(third == part)] for values in tensors] for part in range(3)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        network = _deep_set(inputs[0].shape[-1], inputs[2].shape[-1])
        _train(network, *parts[:2])
    with torch.no_grad():
        score = network(*parts[2][:3]).numpy()
    judged = label[third == 2] == 1
    return auc(score[judged], score[~judged])


def features(jets: Jets) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """What the network sees of jets.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    particles : [n, P, 4] float64
        etarel, phirel, ln ptrel, angle to the axis.
    mask : [n, P] float64
    jet : [n, 4] float64
        ln pt, eta, ln mass (1 GeV at least), multiplicity.
    """
    values, mask = jets.particle_features.astype(np.float64), jets.mask
    eta, phi, pt = (values[..., column] for column in range(3))
    logs = np.log(np.maximum(pt, _LOWEST))
    particles = np.stack([eta, phi, logs, np.hypot(eta, phi)], axis=-1)
    full = jets.jet_features.astype(np.float64)
    columns = [np.log(full[:, 0]), full[:, 1], np.log(np.maximum(full[:, 2], 1.0))]
    return particles, mask.astype(np.float64), np.column_stack([*columns, jets.multiplicity])


def auc(positive: NDArray[Any], negative: NDArray[Any]) -> MetricValue:
    """Area under the ROC curve of two samples of scores, with DeLong's error.

    (DeLong, DeLong, Clarke-Pearson 1988; by ranks as Sun, Xu 2014.)

    Parameters
    ----------
    positive, negative : [n], [m]
        Scores.

    Returns
    -------
    MetricValue
    """
    m, n = len(positive), len(negative)
    together = rankdata(np.concatenate([positive, negative]))
    # For each score the fraction of the other sample that it is above.
    above = (together[:m] - rankdata(positive)) / n
    below = 1 - (together[m:] - rankdata(negative)) / m
    variance = np.var(above, ddof=1) / m + np.var(below, ddof=1) / n
    return MetricValue(float(above.mean()), float(np.sqrt(variance)))


def _scaled(inputs: list[NDArray[Any]], rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Particles and jets with mean 0 and width 1 in the rows that are trained on."""
    particles, mask, jet = inputs
    scaled = []
    for values, present in ((particles, mask[rows] > 0), (jet, slice(None))):
        known = values[rows][present].reshape(-1, values.shape[-1])
        width = known.std(axis=0)
        scaled.append((values - known.mean(axis=0)) / np.where(width > 0, width, 1.0))
    return [scaled[0] * mask[..., None], mask, scaled[1]]


def _deep_set(particle_features: int, jet_features: int) -> Any:
    import torch
    from torch import nn

    class DeepSet(nn.Module):
        """Particles, pooled by mean and maximum, and jet features to a logit."""

        def __init__(self) -> None:
            super().__init__()
            self.particle = nn.Sequential(
                nn.Linear(particle_features, _WIDTH),
                nn.ReLU(),
                nn.Linear(_WIDTH, _WIDTH),
                nn.ReLU(),
            )
            self.jet = nn.Sequential(
                nn.Linear(2 * _WIDTH + jet_features, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, 1)
            )

        def forward(self, particles: Any, mask: Any, jet: Any) -> Any:
            hidden = self.particle(particles) * mask[..., None]
            mean = hidden.sum(dim=1) / mask.sum(dim=1, keepdim=True)
            return self.jet(torch.cat([mean, hidden.amax(dim=1), jet], dim=1))[:, 0]

    return DeepSet()


def _train(network: Any, training: list[Any], stopping: list[Any]) -> None:
    """Train in place; the weights that were best on the stopping part stay."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as loss

    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE)
    best, kept, since = np.inf, network.state_dict(), 0
    for _ in range(_EPOCHS):
        network.train()
        for rows in torch.randperm(len(training[0])).split(_BATCH):
            *inputs, label = (values[rows] for values in training)
            optimizer.zero_grad()
            loss(network(*inputs), label).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            now = float(loss(network(*stopping[:3]), stopping[3]))
        since += 1
        if now < best:
            best, since = now, 0
            kept = {name: values.clone() for name, values in network.state_dict().items()}
        if since >= _PATIENCE:
            break
    network.load_state_dict(kept)
