import pytest

from hypervae.training.observers.interface import Observer, Observers


class Noting(Observer):
    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def on_start(self, position):
        self.calls.append((self.name, "start", position))

    def on_step(self, report):
        self.calls.append((self.name, "step", report))

    def close(self):
        self.calls.append((self.name, "close", None))
        if self.name == "b":
            raise OSError


def test_observers_are_called_in_their_order_and_all_closed():
    calls = []
    observers = Observers([Noting("a", calls), Observer(), Noting("b", calls)])

    def training():
        with observers:
            observers.on_start(1)
            observers.on_step(2)
            raise ZeroDivisionError

    with pytest.raises(OSError) as caught:  # noqa: PT011
        training()
    assert isinstance(caught.value.__context__, ZeroDivisionError)
    assert calls == [
        ("a", "start", 1),
        ("b", "start", 1),
        ("a", "step", 2),
        ("b", "step", 2),
        ("b", "close", None),
        ("a", "close", None),
    ]


def test_every_moment_reaches_every_observer(monkeypatch):
    moments = [name for name in vars(Observer) if name.startswith("on_")]
    assert len(moments) == 8
    calls = []
    for name in moments:
        monkeypatch.setattr(
            Observer, name, lambda self, *_, name=name: calls.append(name), raising=True
        )
    observers = Observers([Observer()])
    for name in moments:
        of_two = name in ("on_stop", "on_prior_step", "on_acceptance_step")
        getattr(observers, name)(*[None] * (2 if of_two else 1))
    assert calls == moments
