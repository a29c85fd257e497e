"""The benchmark of the trunks: each branch of a training step is found and timed."""

import pytest

from benchmarks import model
from benchmarks.jets import gluon_jets


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "gluon_jets", lambda: gluon_jets()[:200])
        return model.prepare(tmp_path_factory.mktemp("trunks"))


@pytest.mark.parametrize(
    "trunk", ["flow", "hierarchical", "hierarchical_alone", "hierarchical_slim"]
)
def test_every_branch_is_timed(files, trunk):
    section, _ = model.TRUNKS[trunk]
    optimization, loader = model.make_optimization(files, section)
    step = next(loader.steps(0, jets_per_step=2, batch_size=2))

    found = model.branch_seconds(optimization, step, 1)

    expected = {name for name in model.BRANCHES if not name.startswith("encoder")}
    if optimization.model.encoder is not None:
        expected = set(model.BRANCHES)
    assert set(found) == {*expected, "losses"}
    assert all(value > 0 for value in found.values())
