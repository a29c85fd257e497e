"""Orders in which two and three processes take, break, use and release a lock.

All are taken in which a process that could go on is left for another at most so many times: after
any operation on the file system, for any time.

Each holder goes on from what it finds, and writes twice. Nothing may be written but on top of what
its writer has seen last: then no work is done twice, none is lost, and a holder that stood still
until its lock was broken writes nothing when it goes on.
"""

from itertools import permutations

import pytest

from hypervae.io import atomic, atomic_path
from hypervae.io.lock import WriterLock
from tests.unit.io.interleavings import Explorer, take_turns


class Overwritten(AssertionError):
    """Something was written by a process that had not seen what was there."""


def text_of(path):
    return path.read_text() if path.exists() else ""


@pytest.fixture
def target(tmp_path):
    return tmp_path / "a"


@pytest.fixture
def explorer(target, monkeypatch):
    """Explores the orders of so many writers."""

    def check(source, path):
        before, after = text_of(target), source.read_text()
        if path == target and before != after[:-1]:
            raise Overwritten(f"{before!r} by {after!r}")

    take_turns(monkeypatch, check)

    def writer(saves):
        def body(process):
            with WriterLock(target, heartbeat=1, dead_after=1) as lock:
                content = process.operation(text_of, target)
                for _ in range(saves):
                    lock.show_life()
                    content += str(process.number)
                    with atomic_path(target) as temporary:
                        process.operation(temporary.write_text, content)

        return body

    def explore(writers, saves, changes):
        explorer = Explorer(target.parent, [writer(saves)] * writers, changes)
        ends = set()

        def ended():
            assert [path.name for path in target.parent.iterdir()] == ["a"]
            ends.add(text_of(target))

        explorer.explore(ended)
        return ends

    return explore


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("writers", "saves", "changes"), [(2, 2, 3), (3, 1, 2)])
def test_nothing_is_overwritten_that_was_not_seen(explorer, writers, saves, changes):
    found = explorer(writers, saves, changes)
    # each wrote in every order, alone, and on top of what another had written
    assert set(map("".join, permutations("012"[:writers]))) <= {
        "".join(dict.fromkeys(end)) for end in found
    }
    if saves == 2:
        assert {"00", "11", "0011", "011"} <= found


def test_it_is_found_when_what_is_written_lies_outside_of_the_lock(explorer, monkeypatch):
    monkeypatch.setattr(atomic, "lock_of", lambda path: None)
    with pytest.raises(Overwritten):
        explorer(2, 1, 2)
