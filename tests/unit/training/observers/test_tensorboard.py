import matplotlib.pyplot as plt
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hypervae.training.observers.interface import EpochReport, Position, StepReport
from hypervae.training.observers.tensorboard import TensorBoard

ROW = {
    "epoch": 1,
    "step": 4,
    "learning_rate": 1e-3,
    "train_total": 3.0,
    "train_kl": 2.0,
    "val_total": 3.5,
    "val_kl": 2.5,
    "val_w1m": None,
    "gradient_norm": 0.7,
    "skipped": 1,
    "active_units": 2,
    "peak_gpu_memory_mb": None,
    "jets_per_s": 200.0,
}
KL = np.array([0.5, 2.0, 0.0])


def started(directory, written=0, every=1):
    board = TensorBoard(directory, every)
    board.on_start(Position(0, 0, written, 0, written, 3, 100))
    return board


def write(board, step, skipped=False):
    terms = {"total": 10.0 - step, "kl": 1.0}
    board.on_step(StepReport(step, 0, 16, terms, 2.0, 0.1, skipped))


def end_epoch(board, step, row=ROW, kl=KL, **figures):
    board.on_epoch(EpochReport(row, 3, step, None, kl, [], figures))


def read(directory):
    events = EventAccumulator(str(directory), size_guidance={"histograms": 0, "images": 0})
    return events.Reload()


def scalars(directory):
    """By tag, the steps and the values that TensorBoard would show."""
    events = read(directory)
    return {
        tag: {"steps": [e.step for e in events.Scalars(tag)], "values": [
            pytest.approx(e.value) for e in events.Scalars(tag)
        ]}
        for tag in events.Tags()["scalars"]
    }  # fmt: skip


def test_steps_are_curves(tmp_path):
    board = started(tmp_path / "board")
    write(board, 1)
    write(board, 2)
    board.on_step(StepReport(3, 0, 16, {"total": 7.0}, 3.0, 0.2, False))
    board.close()
    assert scalars(tmp_path / "board") == {
        "step_loss/total": {"steps": [1, 2, 3], "values": [9.0, 8.0, 7.0]},
        "step_loss/kl": {"steps": [1, 2], "values": [1.0, 1.0]},
        "step/learning_rate": {"steps": [1, 2, 3], "values": [0.1, 0.1, 0.2]},
        "step/gradient_norm": {"steps": [1, 2, 3], "values": [2.0, 2.0, 3.0]},
    }


def test_not_every_step_is_written_and_none_that_was_skipped(tmp_path):
    board = started(tmp_path, every=5)
    for step in range(1, 21):
        write(board, step, skipped=step == 10)
    board.close()
    assert scalars(tmp_path)["step_loss/total"]["steps"] == [5, 15, 20]


def test_an_epoch_is_its_row_and_the_latent_space(tmp_path):
    board = started(tmp_path)
    end_epoch(board, 4)
    end_epoch(board, 8, {**ROW, "val_w1m": 0.02, "peak_gpu_memory_mb": 812.0})
    board.close()
    found = scalars(tmp_path)
    assert {tag: curve["values"][0] for tag, curve in found.items()} == {
        "loss/train/total": 3.0,
        "loss/train/kl": 2.0,
        "loss/validation/total": 3.5,
        "loss/validation/kl": 2.5,
        "validation/w1m": 0.02,
        "epoch/learning_rate": 1e-3,
        "epoch/gradient_norm": 0.7,
        "epoch/skipped_steps": 1.0,
        "epoch/jets_per_s": 200.0,
        "memory/peak_gpu_mb": 812.0,
        "latent/active_units": 2.0,
        "kl_dimension/000": 0.5,
        "kl_dimension/001": 2.0,
        "kl_dimension/002": 0.0,
    }
    # an empty cell is no point
    assert found["validation/w1m"]["steps"] == found["memory/peak_gpu_mb"]["steps"] == [8]
    assert found["loss/train/total"]["steps"] == [4, 8]
    histograms = read(tmp_path).Histograms("latent/kl_per_dimension")
    assert [event.step for event in histograms] == [4, 8]
    assert histograms[0].histogram_value.num == 3
    assert histograms[0].histogram_value.sum == pytest.approx(2.5)


def test_a_killed_attempts_later_points_are_not_shown(tmp_path):
    """Its last checkpoint was at step 4, after the epoch's numbers; the next goes on with 5."""
    first = started(tmp_path)
    for step in range(1, 5):
        write(first, step)
    end_epoch(first, 4)
    for step in range(5, 8):
        write(first, step)
    first.close()  # whose file then holds what had reached it when it was killed
    board = started(tmp_path, written=4)
    for step in range(5, 9):
        write(board, step)
    end_epoch(board, 8, samples=plt.figure)
    board.close()
    found = scalars(tmp_path)
    assert found["step_loss/total"]["steps"] == list(range(1, 9))
    assert found["loss/validation/total"]["steps"] == [4, 8]
    histograms = read(tmp_path).Histograms("latent/kl_per_dimension")
    assert [event.step for event in histograms] == [4, 8]


def test_a_run_begun_again_shows_nothing_of_the_former(tmp_path):
    for _ in range(2):
        board = started(tmp_path)
        write(board, 1)
        end_epoch(board, 1)
        board.close()
    assert {tuple(curve["steps"]) for curve in scalars(tmp_path).values()} == {(1,)}


def test_figures_are_pictures_and_closed(tmp_path):
    open_before = plt.get_fignums()
    board = started(tmp_path)
    end_epoch(board, 4, samples=lambda: plt.figure(figsize=(3, 2), dpi=100))
    board.close()
    (image,) = read(tmp_path).Images("samples")
    assert (image.step, image.width, image.height) == (4, 300, 200)
    assert plt.get_fignums() == open_before


def test_numbers_that_are_none_do_not_end_the_training(tmp_path):
    kl = np.array([np.nan, 1.0, np.inf])
    board = started(tmp_path)
    board.on_step(StepReport(1, 0, 16, {"total": np.nan}, np.inf, 0.1, False))
    end_epoch(board, 1, {**ROW, "val_w1m": np.inf, "val_total": np.nan}, kl)
    end_epoch(board, 2, kl=np.full(3, np.nan))
    board.close()
    events = read(tmp_path)
    assert events.Scalars("validation/w1m")[0].value == np.inf
    (histogram,) = events.Histograms("latent/kl_per_dimension")
    assert histogram.histogram_value.num == 1


def test_without_a_start_nothing_is_written(tmp_path):
    TensorBoard(tmp_path / "board").close()
    assert not (tmp_path / "board").exists()
