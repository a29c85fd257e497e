"""One optimizer step: its gradient, what it skips, precision and memory."""

import math

import pytest
import torch

from hypervae.model import HyperVAE
from hypervae.training import memory
from hypervae.training import step as step_module
from hypervae.training.checkpoint import LAST
from hypervae.training.memory import OutOfMemory, is_out_of_memory
from hypervae.training.optimizers.registry import make_optimizer
from tests.unit.chain import MODEL

NOISY = {**MODEL, "dropout": 0.2, "hyperedge_encoder": "sampled", "hyperedge_samples": 50}
KINDS = {
    "default": MODEL,
    "noisy": NOISY,
    "flow": {**MODEL, "decoder": "flow"},
    "full": {**MODEL, "lgatr": "full", "vector_channels": 2},
}


def steps_of(made):
    """The steps of the first epoch."""
    batch = made.config.batch_size
    return list(made.training.steps(0, jets_per_step=made.jets_per_step, batch_size=batch))


def take(made, step):
    return made.optimization.step(step, epoch=0, progress=0.1)


def gradient(made, step):
    """The gradient of a step before it is clipped, and what the step says of itself."""
    found = {}

    def record(model, optimizer, **_):
        for name, parameter in made.optimization.model.named_parameters():
            if parameter.grad is not None:
                found[name] = parameter.grad.clone()
        return torch.tensor(1.0)

    made.fabric.clip_gradients = record
    outcome = take(made, step)
    return found, outcome


def assert_same_gradient(one, other, share=1e-5):
    assert one.keys() == other.keys()
    norm = torch.sqrt(sum(g.square().sum() for g in one.values()))
    difference = torch.sqrt(sum((g - other[name]).square().sum() for name, g in one.items()))
    assert difference < share * norm


def weights(made):
    return torch.cat([p.detach().flatten() for p in made.optimization.model.parameters()])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("accumulate", [2, 8])
def test_how_a_step_is_cut_into_batches_does_not_matter(trainer, kind, accumulate):
    whole = trainer(model=KINDS[kind], batch_size=16)
    parts = trainer(model=KINDS[kind], batch_size=16 // accumulate, accumulate=accumulate)
    expected, outcome = gradient(whole, steps_of(whole)[0])
    step = steps_of(parts)[0]
    assert [len(batch) for batch in step.batches] == [16 // accumulate] * accumulate
    found, same = gradient(parts, step)
    assert_same_gradient(expected, found)
    assert same.terms == pytest.approx(outcome.terms, rel=1e-4, abs=1e-6)
    assert outcome.jets == same.jets == 16


def test_batches_weigh_by_their_jets(trainer):
    whole, parts = trainer(batch_size=16), trainer(batch_size=16)
    expected, outcome = gradient(whole, steps_of(whole)[0])
    step = steps_of(parts)[0]
    step.batches, step.weights = step.batches[0].split(12), [12, 4]
    found, same = gradient(parts, step)
    assert_same_gradient(expected, found)
    assert same.terms == pytest.approx(outcome.terms, rel=1e-4, abs=1e-6)


def test_a_stand_in_has_no_part_in_the_step(trainer):
    whole, more = trainer(batch_size=16), trainer(batch_size=16)
    expected, outcome = gradient(whole, steps_of(whole)[0])
    step = steps_of(more)[0]
    step.batches, step.weights = [*step.batches, step.batches[0].split(1)[3]], [16, 0]
    found, same = gradient(more, step)
    assert_same_gradient(expected, found)
    assert same.terms == pytest.approx(outcome.terms, rel=1e-6)


def test_the_last_step_of_an_epoch_is_a_mean_over_its_own_jets(trainer):
    made, single = trainer(batch_size=23, accumulate=3), trainer(batch_size=3, accumulate=23)
    last = steps_of(made)[-1]  # 70 jets: 69 and one
    assert (last.jets, last.weights) == (1, [1])
    expected = take(single, steps_of(single)[-1])
    assert take(made, last).terms["total"] == pytest.approx(expected.terms["total"], rel=1e-5)


def test_another_epoch_has_other_noise(trainer):
    made, other = trainer(model=NOISY), trainer(model=NOISY)
    step = steps_of(made)[0]
    first = made.optimization.step(step, epoch=0, progress=0.1)
    second = other.optimization.step(step, epoch=1, progress=0.1)
    assert first.terms["total"] != second.terms["total"]


def test_a_step_without_a_finite_loss_is_skipped(trainer, spoil_loss):
    made = trainer()
    spoil_loss({1})
    steps = steps_of(made)
    before = weights(made)
    assert take(made, steps[0]).skipped
    assert torch.equal(weights(made), before)
    assert not take(made, steps[1]).skipped
    assert not torch.equal(weights(made), before)


def test_a_bad_batch_spoils_its_whole_step(trainer, spoil_loss):
    made = trainer(batch_size=8, accumulate=2)
    spoil_loss({2})
    before = weights(made)
    assert take(made, steps_of(made)[0]).skipped
    assert torch.equal(weights(made), before)
    assert all(p.grad is None for p in made.optimization.model.parameters())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_step_without_a_finite_gradient_is_skipped(trainer, value):
    made = trainer()
    parameter = next(made.optimization.model.parameters())
    handle = parameter.register_hook(lambda gradient: gradient * value)
    steps = steps_of(made)
    before = weights(made)
    assert take(made, steps[0]).skipped
    assert torch.equal(weights(made), before)
    handle.remove()
    take(made, steps[1])
    assert torch.isfinite(weights(made)).all()


def test_gradients_are_clipped(trainer, monkeypatch):
    made = trainer(clip=1e-3)
    norms = []
    optimizer = made.optimization.optimizer
    step = optimizer.step

    def record(*arguments):
        found = [p.grad for p in made.optimization.model.parameters() if p.grad is not None]
        norms.append(torch.sqrt(sum(g.square().sum() for g in found)))
        return step(*arguments)

    monkeypatch.setattr(optimizer, "step", record)
    outcome = take(made, steps_of(made)[0])
    assert float(norms[0]) == pytest.approx(1e-3, rel=1e-2)
    assert outcome.gradient_norm > 1e-2


# --- precision


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision_leaves_the_momenta_alone(trainer, precision):
    exact, mixed = trainer(), trainer(precision=precision)
    seen = []
    encoder = mixed.optimization.model.encoder
    encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    step = steps_of(mixed)[0]
    _, outcome = gradient(mixed, step)
    assert seen[0].momenta.dtype == torch.float32
    assert torch.equal(seen[0].momenta, step.batches[0].momenta)
    _, same = gradient(exact, step)
    # some of the network did run in half precision
    assert outcome.terms["total"] != same.terms["total"]
    assert outcome.terms["total"] == pytest.approx(same.terms["total"], rel=0.05)


def test_half_precision_scales_the_loss_and_recovers_from_an_overflow(trainer):
    made = trainer(precision="16-mixed")
    scaler = made.optimization.scaler
    scaler.load_state_dict({**scaler.state_dict(), "scale": 1e30})  # overflows
    steps = steps_of(made)
    before, scale = weights(made), scaler.get_scale()
    assert take(made, steps[0]).skipped
    assert torch.equal(weights(made), before)
    assert scaler.get_scale() < scale
    scaler.update(1024.0)
    outcome = take(made, steps[1])
    assert not outcome.skipped
    assert not torch.equal(weights(made), before)
    # the norm is that of the gradient itself
    exact = trainer()
    exact.optimization.model.load_state_dict(made.optimization.model.state_dict())
    assert 0.1 < outcome.gradient_norm / take(exact, steps[1]).gradient_norm < 10
    state = made.checkpoint()["precision"]
    assert state["scale"] == 1024.0


def test_a_loss_that_overflows_alone_is_skipped_in_half_precision(trainer, monkeypatch):
    made = trainer(precision="16-mixed")
    made.optimization.scaler.load_state_dict(
        {**made.optimization.scaler.state_dict(), "scale": 1024.0}
    )
    total = step_module.total_loss
    monkeypatch.setattr(step_module, "total_loss", lambda *a: total(*a) + math.inf)
    steps = steps_of(made)
    before = weights(made)
    assert take(made, steps[0]).skipped
    assert torch.equal(weights(made), before)
    monkeypatch.undo()
    assert not take(made, steps[1]).skipped


# --- optimizers


@pytest.mark.parametrize("name", ["adamw", "adam", "nadam", "radam", "sgd"])
def test_optimizers_by_name(trainer, name):
    made = trainer(optimizer=name, betas=[0.8, 0.95], learning_rate=1e-2, weight_decay=0.01)
    options = made.optimization.optimizer.optimizer.param_groups[0]
    assert type(made.optimization.optimizer.optimizer).__name__.lower() == name
    assert options["weight_decay"] == 0.01
    assert options.get("betas", (options.get("momentum"), 0.95)) == (0.8, 0.95)
    before = weights(made)
    take(made, steps_of(made)[0])
    assert not torch.equal(weights(made), before)


def test_a_fused_optimizer_cannot_clip_a_scaled_gradient(train_config):
    model = torch.nn.Linear(3, 3)
    config = train_config()
    assert make_optimizer(model, config, scales_loss=False).defaults["fused"]
    assert not make_optimizer(model, config, scales_loss=True).defaults["fused"]


@pytest.mark.parametrize(
    ("schedule", "rate"), [("cosine", 1e-3 * 0.505), ("linear", 5e-4), ("constant", 1e-3)]
)
def test_the_learning_rate_follows_the_schedule(trainer, schedule, rate):
    made = trainer(schedule=schedule, warmup=0.0, learning_rate=1e-3)
    made.optimization.step(steps_of(made)[0], epoch=0, progress=0.5)
    assert made.optimization.optimizer.param_groups[0]["lr"] == pytest.approx(rate)


# --- memory


@pytest.fixture
def failing_backward():
    """Let the backward pass of models fail for some batches; tells the sizes of all."""
    handles = []

    def failing_backward(fails, error):
        sizes = []

        def watch(model, inputs, output):
            if not isinstance(model, HyperVAE) or not torch.is_grad_enabled():
                return
            sizes.append(len(inputs[0]))
            if fails(sizes):

                def fail(_):
                    raise error

                _, mean, _ = output
                mean.register_hook(fail)  # when the decoder has its gradients already

        handles.append(torch.nn.modules.module.register_module_forward_hook(watch))
        return sizes

    yield failing_backward
    for handle in handles:
        handle.remove()


@pytest.fixture
def small_memory(failing_backward):
    """Memory for so many jets, and the sizes of batches that were tried."""

    def small_memory(jets):
        error = torch.OutOfMemoryError("CUDA out of memory")
        return failing_backward(lambda sizes: sizes[-1] > jets, error)

    return small_memory


def test_out_of_memory_halves_the_batches_and_goes_on(trainer, small_memory):
    whole = trainer(batch_size=16)
    made = trainer(batch_size=16, execution={"on_oom": "halve"})
    expected, outcome = gradient(whole, steps_of(whole)[0])
    sizes = small_memory(5)
    found, same = gradient(made, steps_of(made)[0])
    assert sizes == [16, 8, 4, 4, 4, 4]
    assert_same_gradient(expected, found)
    assert same.terms == pytest.approx(outcome.terms, rel=1e-4, abs=1e-6)
    sizes.clear()
    take(made, steps_of(made)[1])
    assert sizes == [4, 4, 4, 4]


def test_out_of_memory_ends_with_advice(trainer, small_memory):
    made = trainer()
    small_memory(5)
    before = weights(made)
    with pytest.raises(OutOfMemory) as raised:
        take(made, steps_of(made)[0])
    for key in ("train.batch_size (now 16", "on_oom: halve", "gradient_checkpointing", "binned"):
        assert key in str(raised.value)
    assert torch.equal(weights(made), before)
    assert all(p.grad is None for p in made.optimization.model.parameters())


def test_one_jet_that_does_not_fit_ends_with_advice(trainer, small_memory):
    made = trainer(execution={"on_oom": "halve", "gradient_checkpointing": True})
    sizes = small_memory(0)
    with pytest.raises(OutOfMemory, match="with 1 jets in a batch") as raised:
        take(made, steps_of(made)[0])
    assert sizes == [16, 8, 4, 2, 1]
    for key in ("batch_size", "on_oom", "gradient_checkpointing"):
        assert key not in str(raised.value)


def test_after_out_of_memory_the_next_attempt_goes_on(run, failing_backward, tmp_path):
    error = torch.OutOfMemoryError("CUDA out of memory")
    calls = failing_backward(lambda sizes: len(sizes) == 7, error)
    with pytest.raises(OutOfMemory):
        run()
    (checkpoint,) = (tmp_path / "checkpoints").glob(f"*/{LAST}")
    state = torch.load(checkpoint, weights_only=True)
    assert (state["epoch"], state["step_in_epoch"]) == (1, 1)
    run()
    assert len(calls) == 7 + 4


def test_failed_allocations_are_known():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**62, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError())
    assert not is_out_of_memory(RuntimeError("shape mismatch"))


def test_other_errors_are_not_taken_for_it(trainer, failing_backward):
    made = trainer(execution={"on_oom": "halve"})
    failing_backward(lambda sizes: True, RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        take(made, steps_of(made)[0])


def test_advice_names_the_cap_of_the_gpu(train_config):
    config = train_config(execution={"max_memory_gb": 4})
    text = memory.advice(2, config, torch.device("cuda"))
    assert "max_memory_gb (now 4)" in text
    assert "GPU memory" in text
