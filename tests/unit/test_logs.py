import logging
import re

import pytest

from hypervae.logs import LOGGER, TRANSIENT, kept_in, show_on_terminal


@pytest.fixture(autouse=True)
def _no_handlers(monkeypatch):
    monkeypatch.setattr(LOGGER, "handlers", [])
    level = LOGGER.level
    yield
    LOGGER.setLevel(level)


def test_shown_once_on_standard_error(capsys):
    show_on_terminal()
    show_on_terminal()
    log = logging.getLogger("hypervae.some.module")
    log.info("epoch %d", 3)
    log.warning("step skipped")
    log.debug("unheard")
    assert capsys.readouterr() == ("", "epoch 3\nhypervae: warning: step skipped\n")


def test_a_library_says_nothing_by_itself(capsys):
    logging.getLogger("hypervae.module").info("epoch 3")
    assert capsys.readouterr() == ("", "")


def test_a_runs_log_grows_over_attempts(tmp_path):
    path, log = tmp_path / "run" / "train.log", logging.getLogger("hypervae.module")
    with kept_in(path):
        assert not path.parent.exists()
        log.info("epoch 1: W1M 0.01 · fine")
        first = path.read_text(encoding="utf-8")  # flushed
        log.info("1 of 3 jets", extra=TRANSIENT)
    log.info("between")
    with kept_in(path):
        log.info("resuming")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert first.splitlines() == lines[:1]
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC "
    texts = ["epoch 1: W1M 0.01 · fine", "resuming"]
    for line, text in zip(lines, texts, strict=True):
        assert re.fullmatch(stamp + re.escape(text), line)
    assert LOGGER.handlers == []
