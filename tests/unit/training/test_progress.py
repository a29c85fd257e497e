import io
import re
import sys

import pytest

from hypervae.training import progress
from hypervae.training.progress import RunLog, TrainingProgress, duration

TERMS = {"total": 1.2341, "particle": 1.0, "kl": 0.9}


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_a_line_a_minute(capsys, clock):
    logged = []
    with TrainingProgress(2, 4800, 0, logged.append) as bar:
        for step in range(16):
            clock[0] += 20
            bar.update(600, step // 8, TERMS)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "epoch 1/2: 1,800 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 4 min left",
        "epoch 1/2: 3,600 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 3 min left",
        "epoch 2/2: 600 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 2 min left",
        "epoch 2/2: 2,400 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 1 min left",
        "epoch 2/2: 4,200 of 4,800 jets, loss 1.234, KL 0.90, 30 jets/s, 20 s left",
    ]
    assert logged == []


def test_what_an_earlier_attempt_did_does_not_count_for_the_rate(capsys, clock):
    with TrainingProgress(3, 1000, 1900, print, epoch=1) as bar:
        clock[0] += 100
        bar.update(100, 1, {})
        clock[0] += 100
        bar.update(300, 2, TERMS)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 2/3: 1,000 of 1,000 jets, loss nan, KL nan, 1.0 jets/s, 17 min left",
        "epoch 3/3: 300 of 1,000 jets, loss 1.234, KL 0.90, 2.0 jets/s, 6 min left",
    ]


def test_the_last_jet_leaves_no_time(capsys, clock):
    with TrainingProgress(1, 100, 0, print) as bar:
        clock[0] += 100
        bar.update(100, 0, TERMS)
    assert capsys.readouterr().err.endswith("1.0 jets/s\n")


def test_said_lines_are_printed_and_logged(capsys, clock):
    logged = []
    with TrainingProgress(1, 100, 0, logged.append) as bar:
        bar.say("epoch 1/1: done")
    assert capsys.readouterr().err == "epoch 1/1: done\n"
    assert logged == ["epoch 1/1: done"]


def test_a_terminal_gets_a_bar_over_the_whole_training(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    logged = []
    with TrainingProgress(4, 100, 150, logged.append, epoch=1) as bar:
        bar.update(50, 1, TERMS)
        bar.say("epoch 2/4: fine")
        bar.update(200, 3, {"total": 0.5, "kl": 3.0})
    shown = terminal.getvalue()
    assert "epoch 2/4:  38%" in shown  # where the earlier attempt was
    assert "150/400" in shown
    assert re.search(r"epoch 4/4: 100%.*400/400 .* jets/s, loss=0\.500, KL=3\.00", shown)
    assert logged == ["epoch 2/4: fine"]
    # on a line of its own
    assert re.search(r"[\r\n]epoch 2/4: fine\n", shown)


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_other_processes_are_silent(stream, clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", shown := stream())
    logged = []
    with TrainingProgress(1, 100, 0, logged.append, enabled=False) as bar:
        clock[0] += 100
        bar.update(50, 0, TERMS)
        bar.say("heard by nobody")
    assert shown.getvalue() == ""
    assert logged == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (150, "2 min"), (3700, "62 min"), (11500, "3.2 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_the_runs_log_grows_over_attempts(tmp_path):
    path = tmp_path / "run" / "train.log"
    log = RunLog(path)
    assert not path.parent.exists()
    log("epoch 1: W1M 0.01 · fine")
    first = path.read_text(encoding="utf-8")  # flushed
    RunLog(path)("resuming")
    log("epoch 2")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert first.splitlines() == lines[:1]
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC "
    texts = ["epoch 1: W1M 0.01 · fine", "resuming", "epoch 2"]
    for line, text in zip(lines, texts, strict=True):
        assert re.fullmatch(stamp + re.escape(text), line)
