"""What follows from a scaffold, against sums and distances of its cells one by one."""

import math

import pytest
import torch

from hypervae.scaffold.analysis import analyse
from hypervae.scaffold.coordinates import Layout
from hypervae.scaffold.moments import moments
from hypervae.scaffold.readings import number_of_readings, readings
from tests.unit.scaffold.test_scaffold import back, made_jets


@pytest.mark.parametrize("second_axes", [True, False])
def test_readings_are_those_of_the_cells(second_axes):
    layout = Layout(3, second_axes)
    scaffold, _, _ = back(analyse(*made_jets(), layout), layout)
    found = readings(scaffold)
    cells, of_moments = layout.cells, moments(scaffold, scaffold.distances)
    assert found.shape == (len(scaffold.share), number_of_readings(layout))
    assert torch.isfinite(found).all()
    for jet in range(40):
        share, axes = scaffold.share[jet].tolist(), scaffold.axes[jet].tolist()
        pairs = [(i, j) for i in range(cells) for j in range(i + 1, cells)]
        far = [math.dist(axes[i], axes[j]) for i, j in pairs]
        parts = [share[i] * share[j] * d**2 for (i, j), d in zip(pairs, far, strict=True)]
        wanted = [math.log10(max(z, 1e-4)) for z in share]
        wanted += [math.log10(max(w, 1e-4)) for w in scaffold.width[jet].tolist()]
        wanted += [math.log10(max(w, 1e-4)) for w in scaffold.reach[jet].tolist()]
        wanted += [math.sqrt(n) for n in scaffold.multiplicities[jet].tolist()]
        wanted += [math.log10(max(d, 1e-3)) for d in far]
        wanted += [math.log10(max(part, 1e-9)) for part in parts]
        wanted += of_moments[jet].tolist()
        torch.testing.assert_close(found[jet], torch.tensor(wanted).to(found))
