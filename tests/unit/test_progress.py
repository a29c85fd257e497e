import io
import sys

from hypervae import progress
from hypervae.progress import Progress


def test_a_log_gets_plain_lines_and_not_too_many(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(100, "simulate g", "jets") as bar:
        for _ in range(50):
            now[0] += 1
            bar.update(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "simulate g: 20 of 100 jets in 10 s (2 jets/s, 40 s left)",
        "simulate g: 40 of 100 jets in 20 s (2 jets/s, 30 s left)",
        "simulate g: 60 of 100 jets in 30 s (2 jets/s, 20 s left)",
        "simulate g: 80 of 100 jets in 40 s (2 jets/s, 10 s left)",
        "simulate g: 100 of 100 jets in 50 s (2 jets/s)",
    ]


def test_what_was_there_before_does_not_count_for_the_rate(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(0, "download g.hdf5", "MB", 1e6) as bar:
        bar.start_at(30_000_000)
        now[0] += 5
        bar.update(10_000_000)
    assert capsys.readouterr().err == "download g.hdf5: 40 MB in 5 s (2 MB/s)\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress(8_000_000, "download g.hdf5", "MB", 1e6) as bar:
        bar.start_at(2_000_000)
        bar.update(6_000_000)
    assert "100%" in screen.getvalue()
    assert "8/8 MB" in screen.getvalue()
