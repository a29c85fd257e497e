"""Jets that are kept as they were prepared: the same batches, prepared once."""

import pytest

from hypervae.config import SplitConfig
from hypervae.model.inputs import make_batch
from hypervae.normalization.sources import find_sources
from hypervae.training import dataset
from hypervae.training.kept import KeptJets
from hypervae.training.stream import JetStream
from tests.unit.chain import SPLIT
from tests.unit.training.test_loader import SMALL, assert_same, batches_of

SIZES = {"jets_per_step": 16, "batch_size": 7}
EPOCHS = [(0, {}), (1, {}), (2, {"first_step": 3}), (2, {"shuffle": False})]
JETS = {"decoder": "hierarchical", "hypergraph": ()}


@pytest.fixture
def prepared(monkeypatch):
    """Jets that were prepared, as often as they were."""
    found = []

    def counted(jets, *args, **options):
        found.append(len(jets))
        return make_batch(jets, *args, **options)

    monkeypatch.setattr(dataset, "make_batch", counted)
    return found


def epochs(loader):
    return [batches_of(loader.steps(epoch, **SIZES, **more)) for epoch, more in EPOCHS]


@pytest.mark.parametrize("blocks", [{}, SMALL], indirect=True, ids=["one window", "many windows"])
@pytest.mark.parametrize("workers", [0, 2])
def test_kept_jets_are_those_prepared_anew(chain, make_loader, workers):
    with make_loader(**JETS, workers=workers, kept_gb=1.0) as loader:
        for found, expected in zip(epochs(loader), epochs(make_loader(**JETS)), strict=True):
            assert_same(found, expected)


@pytest.mark.parametrize("blocks", [SMALL], indirect=True, ids=["many windows"])
def test_a_jet_is_prepared_once(chain, make_loader, prepared):
    loader = make_loader(**JETS, kept_gb=1.0)
    list(loader.once(16))
    assert sum(prepared) == loader.n_jets
    epochs(loader)
    assert sum(prepared) == loader.n_jets


@pytest.mark.parametrize("blocks", [SMALL], indirect=True, ids=["many windows"])
def test_a_pass_that_was_left_keeps_what_it_saw(chain, make_loader):
    loader = make_loader(**JETS, kept_gb=1.0)
    next(loader.steps(0, **SIZES))
    for found, expected in zip(epochs(loader), epochs(make_loader(**JETS)), strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize(
    ("options", "room"),
    [({**JETS}, 1e-9), ({**JETS}, 0.0), ({"decoder": "hierarchical"}, 1.0)],
    ids=["too little memory", "none", "with a hypergraph"],
)
def test_jets_that_are_not_kept(chain, make_loader, prepared, options, room):
    loader = make_loader(**options, kept_gb=room)
    for _ in range(2):
        list(loader.batches(0, batch_size=16))
    assert sum(prepared) == 2 * loader.n_jets


def test_none_is_given_that_is_missing(chain):
    sources = find_sources(chain.shards, chain.correlators, chain.merged, chain.normalization)
    jets = KeptJets(JetStream(sources, ["q", "g"], "train", SplitConfig.of(SPLIT), 1), 1.0)
    assert not jets.complete
    with pytest.raises(ValueError, match="missing"):
        next(jets.batches(iter(())))
