import numpy as np
import pytest

from hypervae.config import SplitConfig
from hypervae.data.jets import concatenate
from hypervae.data.split import SPLITS, TEST, TRAIN, VALIDATION, split_of, split_of_rows
from tests.unit.data.test_jets import make_jets

SPLIT = SplitConfig(seed=1, fractions=(0.6, 0.1, 0.3))


def with_events(events):
    return make_jets(len(events), event_id=np.asarray(events, np.int64))


def test_the_fractions_come_out():
    n = 40_000
    split = split_of(with_events(np.arange(n) << 3), SPLIT)
    for value, fraction in zip((TRAIN, VALIDATION, TEST), SPLIT.fractions, strict=True):
        error = np.sqrt(fraction * (1 - fraction) / n)
        assert abs((split == value).mean() - fraction) < 4 * error


@pytest.mark.parametrize("name", SPLITS)
def test_a_fraction_of_one_takes_all(name):
    fractions = [float(name == other) for other in SPLITS]
    split = split_of(with_events(np.arange(1000)), SplitConfig(fractions=fractions))
    assert set(split) == {SPLITS[name]}


def test_jets_of_one_event_share_a_split():
    events = np.random.default_rng(0).integers(0, 300, 2000)
    split = split_of(with_events(events), SPLIT.replace(seed=3))
    for event in np.unique(events):
        assert len(set(split[events == event])) == 1
    assert len(set(split)) == 3


def test_a_jets_split_does_not_depend_on_how_jets_are_sharded():
    jets = with_events(np.arange(1000) | 5 << 32)
    whole = split_of(jets, SPLIT)
    parts = [split_of(jets[i : i + 130], SPLIT) for i in range(0, 1000, 130)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_without_events_the_row_of_the_file_decides():
    jets = make_jets(1000)
    whole = split_of(jets, SPLIT)
    later = split_of(jets[400:], SPLIT, first_row=400)
    np.testing.assert_array_equal(later, whole[400:])
    same = split_of(with_events(np.arange(1000)), SPLIT)
    np.testing.assert_array_equal(same, whole)


def test_another_seed_gives_another_split():
    jets = make_jets(1000)
    one, two = (split_of(jets, SPLIT.replace(seed=seed)) for seed in (1, 2))
    assert (one != two).mean() > 0.3


def test_the_same_seed_gives_the_same_split_for_ever():
    split = split_of(with_events(np.arange(12)), SPLIT)
    assert split.tolist() == EXPECTED


def test_neighbouring_shards_are_independent():
    one, two = (
        split_of(
            with_events(np.arange(20_000) | shard << 32), SPLIT.replace(fractions=(0.5, 0.0, 0.5))
        )
        for shard in (0, 1)
    )
    assert abs((one == two).mean() - 0.5) < 0.02


def test_the_files_own_split_wins():
    jets = make_jets(4, split=np.array([2, 1, 0, 2], np.uint8), event_id=np.zeros(4, np.int64))
    assert split_of(jets, SPLIT).tolist() == [2, 1, 0, 2]
    assert (
        split_of(concatenate([jets, jets]), SPLIT.replace(seed=9, fractions=(1, 0, 0))).tolist()
        == [2, 1, 0, 2] * 2
    )


def test_the_two_columns_decide_as_the_jets_do():
    for jets in (
        make_jets(40),
        with_events(np.arange(40) * 7),
        make_jets(40, split=np.arange(40, dtype=np.uint8) % 3),
    ):
        config = SPLIT.replace(seed=2)
        found = split_of_rows(40, jets.event_id, jets.split, config, first_row=11)
        np.testing.assert_array_equal(found, split_of(jets, config, first_row=11))


# The values that the first release gave: a change would mix training and test jets of users.
EXPECTED = [0, 1, 2, 1, 0, 0, 0, 2, 0, 0, 0, 1]
