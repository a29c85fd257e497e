import io
import re
import sys

import pytest

from hypervae.logs import LOGGER
from hypervae.training.observers import progress
from hypervae.training.observers.interface import Position, StepReport
from hypervae.training.observers.progress import ProgressBar, duration

TERMS = {"total": 1.2341, "particle": 1.0, "kl": 0.9}


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def lines(caplog):
    """The plain lines, which a run's log does not keep."""
    caplog.set_level("INFO", "hypervae")

    def lines():
        assert all(record.transient for record in caplog.records)
        return caplog.messages

    return lines


class Terminal(io.StringIO):
    def isatty(self):
        return True


def started(epochs, jets_per_epoch, jets=0, epoch=0):
    shown = ProgressBar()
    shown.on_start(Position(epoch, 0, 0, jets, 0, epochs, jets_per_epoch))
    return shown


def report(jets, epoch, terms):
    return StepReport(1, epoch, jets, terms, 1.0, 1e-3, False)


def test_a_log_gets_a_line_a_minute(lines, clock):
    shown = started(2, 4800)
    for step in range(16):
        clock[0] += 20
        shown.on_step(report(600, step // 8, TERMS))
    shown.close()
    assert lines() == [
        "epoch 1/2: 1,800 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 4 min left",
        "epoch 1/2: 3,600 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 3 min left",
        "epoch 2/2: 600 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 2 min left",
        "epoch 2/2: 2,400 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 1 min left",
        "epoch 2/2: 4,200 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 20 s left",
    ]


def test_what_an_earlier_attempt_did_does_not_count_for_the_rate(lines, clock):
    shown = started(3, 1000, jets=1900, epoch=1)
    clock[0] += 100
    shown.on_step(report(100, 1, {}))
    clock[0] += 100
    shown.on_step(report(300, 2, TERMS))
    assert lines() == [
        "epoch 2/3: 1,000 of 1,000 jets, loss nan, KL nan, 1.0 jets/s, 17 min left",
        "epoch 3/3: 300 of 1,000 jets, loss 1.234, KL 0.90, 2.0 jets/s, 6 min left",
    ]


def test_the_last_jet_leaves_no_time(lines, clock):
    shown = started(1, 100)
    clock[0] += 100
    shown.on_step(report(100, 0, TERMS))
    assert lines()[-1].endswith("1.0 jets/s")


def test_a_terminal_gets_a_bar_over_the_whole_training(monkeypatch, shown):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    bar = started(4, 100, jets=150, epoch=1)
    bar.on_step(report(50, 1, TERMS))
    LOGGER.info("epoch 2/4: fine")
    bar.on_step(report(200, 3, {"total": 0.5, "kl": 3.0}))
    bar.close()
    text = terminal.getvalue()
    assert "epoch 2/4:  38%" in text  # where the earlier attempt was
    assert "150/400" in text
    assert re.search(r"epoch 4/4: 100%.*400/400 .* jets/s, loss=0\.500, KL=3\.00", text)
    # on a line of its own
    assert re.search(r"[\r\n]epoch 2/4: fine\n", text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (150, "2 min"), (3700, "62 min"), (11500, "3.2 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
