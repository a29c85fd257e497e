"""What `import hypervae` offers: cheap to import, with examples that run, and clear refusals."""

import doctest
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

import hypervae
from hypervae import HyperVAE, Jets
from hypervae.errors import ArgumentError, ConfigError, HyperVAEError, InputError
from tests.unit.toys import toy_jets

PLACES = (
    "hypervae.data.jets",
    "hypervae.model.jet_methods",
    "hypervae.api.correlators",
    "hypervae.api.evaluation",
    "hypervae.api.simulation",
)


def test_the_import_loads_nothing_heavy():
    code = (
        "import sys, hypervae; print([m for m in ('torch', 'numpy', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_all_that_is_offered_is_there():
    assert set(hypervae.__all__) <= set(dir(hypervae))
    for name in hypervae.__all__:
        assert getattr(hypervae, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = hypervae.nothing_of_the_kind


@pytest.mark.parametrize("place", PLACES)
def test_the_examples_of_the_docstrings_run(place):
    done = doctest.testmod(import_module(place))
    assert done.attempted > 0
    assert done.failed == 0


@pytest.fixture(scope="module")
def tops():
    return HyperVAE.pretrained("t")


@pytest.fixture(scope="module")
def jets():
    return toy_jets(60, jet_type="t")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, j: m.generate(-3), ArgumentError, "n_jets: found -3, expected .* at least 1"),
        (lambda m, j: m.generate(0), ArgumentError, "n_jets: found 0"),
        (lambda m, j: m.generate(2.5), ArgumentError, r"n_jets: found 2\.5, expected a whole"),
        (lambda m, j: m.generate("9"), ArgumentError, "n_jets: found '9'"),
        (lambda m, j: m.generate(True), ArgumentError, "n_jets: found True"),
        (lambda m, j: m.generate(3, seed=None), ArgumentError, "seed: found None"),
        (lambda m, j: m.generate(3, batch_size=0), ArgumentError, "batch_size: found 0"),
        (
            lambda m, j: m.generate(3, jet_type="x"),
            ArgumentError,
            "jet_type: found 'x'.* t",
        ),
        (lambda m, j: HyperVAE.pretrained("x"), ConfigError, "pretrained: found 'x', expected g"),
        (lambda m, j: HyperVAE.load("/nowhere"), InputError, "nowhere"),
        (lambda m, j: m.encode(j[:0]), ArgumentError, "jets: found no jets"),
        (lambda m, j: m.encode(np.zeros(3)), ArgumentError, r"jets: found an array .* \[3\]"),
        (lambda m, j: m.encode(toy_jets(5, jet_type="q")), ArgumentError, "jet_type: found 'q'"),
        (
            lambda m, j: m.encode(toy_jets(99, jet_type="t", max_particles=40)),
            ArgumentError,
            "jets: found up to .* particles in a jet, expected at most 30",
        ),
        (
            lambda m, j: m.decode(np.zeros((2, 3))),
            ArgumentError,
            r"latents: found shape \[2, 3\], expected numbers of shape \[n, \d+\]",
        ),
        (
            lambda m, j: m.decode(np.full((1, m.latent_dim), np.nan)),
            ArgumentError,
            r"latents: found nan at \[0, 0\], expected finite",
        ),
        (lambda m, j: m.reconstruct(None), ArgumentError, "jets: found None, expected Jets"),
        (
            lambda m, j: hypervae.simulate("x", 3),
            ArgumentError,
            "jet_type: found 'x'",
        ),
        (lambda m, j: hypervae.simulate("t", 0), ArgumentError, "n_jets: found 0"),
        (
            lambda m, j: hypervae.simulate("t", 1, max_particles=999),
            ArgumentError,
            "max_particles: found 999, expected a whole number of at least 2 and at most 255",
        ),
        (lambda m, j: hypervae.simulate("t", 1, radus=1), ConfigError, "radus: unknown key"),
        (
            lambda m, j: hypervae.energy_correlators(j, orders=[-2]),
            ArgumentError,
            "orders: found -2, expected a whole number of at least 2",
        ),
        (lambda m, j: hypervae.energy_correlators(j, orders=7), ConfigError, "orders.*found 7"),
        (lambda m, j: hypervae.energy_correlators(j, orders="23"), ArgumentError, "orders: found"),
        (lambda m, j: hypervae.energy_correlators(j, bins=0), ArgumentError, "bins: found 0"),
        (lambda m, j: hypervae.energy_correlators(j, range=(1, 0.1)), ConfigError, "range"),
        (lambda m, j: hypervae.energy_correlators(j, range=3), ArgumentError, "range: found shape"),
        (lambda m, j: hypervae.energy_correlators(j, weight="E"), ConfigError, "weight: found"),
        (lambda m, j: hypervae.energy_correlators(j[:0]), ArgumentError, "jets: found no jets"),
        (
            lambda m, j: hypervae.energy_correlators(3),
            ArgumentError,
            "jets: found 3, expec",
        ),
        (
            lambda m, j: hypervae.energy_correlators(np.zeros((2, 3))),
            ArgumentError,
            r"jets: found an array of float64 of shape \[2, 3\], expected Jets, particles of shape",
        ),
        (
            lambda m, j: hypervae.energy_correlators(np.full((1, 2, 3), np.nan)),
            ArgumentError,
            r"jets: found nan at \[0, 0, 0\], expected finite numbers",
        ),
        (
            lambda m, j: hypervae.energy_correlators(np.zeros((1, 2, 5))),
            ArgumentError,
            r"jets: found shape \[1, 2, 5\], expected numbers of shape \[n, n, 3 or 4\]",
        ),
        (
            lambda m, j: hypervae.energy_correlators([[[0, 0, -1], [0, 0, 2]]]),
            ArgumentError,
            "jets: found pt from -1",
        ),
        (lambda m, j: hypervae.energy_correlators("/no.h5"), InputError, "no.h5"),
        (lambda m, j: hypervae.evaluate(j, "/no.h5"), InputError, "no.h5"),
        (lambda m, j: hypervae.evaluate(j, j[:1]), ArgumentError, "reference: found 1 jets"),
        (lambda m, j: hypervae.evaluate(None, j), ArgumentError, "generated: found None"),
        (lambda m, j: hypervae.evaluate(j, j, metrics="w9"), ConfigError, "metrics.*found.*w9"),
        (lambda m, j: hypervae.evaluate(j, j, metrics=3), ArgumentError, "metrics: found 3"),
        (lambda m, j: hypervae.evaluate(j, j, seed=-1), ArgumentError, "seed: found -1"),
        (
            lambda m, j: hypervae.evaluate(j, toy_jets(9, jet_type="q"), metrics="w1_mass"),
            ArgumentError,
            "reference: found q jets, expected t jets",
        ),
        (
            lambda m, j: j.save("t.npz"),
            ArgumentError,
            r"path: found t\.npz.* \.h5",
        ),
        (lambda m, j: Jets.load("/no.h5"), InputError, "no.h5"),
    ],
)
def test_a_wrong_argument_is_named(tops, jets, call, error, message):
    with pytest.raises(error, match=message) as refused:
        call(tops, jets)
    assert isinstance(refused.value, HyperVAEError)
    if error is not ConfigError:  # which has a line for each mistake
        assert "\n" not in str(refused.value)


def test_an_argument_error_is_a_value_error(tops):
    with pytest.raises(ValueError, match="n_jets"):
        tops.generate(-3)


def test_encode_decode_and_reconstruct_go_together(tops, jets):
    posterior = tops.encode(jets[:20])
    assert posterior.mean.shape == posterior.width.shape == (20, tops.latent_dim)
    made = tops.decode(posterior.mean.numpy(), seed=3)
    again = tops.reconstruct(jets[:20], seed=3)
    np.testing.assert_allclose(made.particle_features, again.particle_features, atol=1e-5)
    assert again.jet_type == "t"
    assert len(again) == 20


def test_encoding_does_not_depend_on_empty_slots(tops, jets):
    wide, narrow = jets[:10], toy_jets(60, jet_type="t")[:10]
    most = int(wide.multiplicity.max())
    narrow.particle_features = narrow.particle_features[:, :most]
    found = [tops.encode(side).mean.numpy() for side in (wide, narrow)]
    np.testing.assert_allclose(*found, atol=1e-5)


def test_latent_vectors_of_one_s_own_are_decoded(tops):
    latents = np.zeros((4, tops.latent_dim))
    first, second = (tops.decode(latents, seed=seed) for seed in (1, 2))
    assert len(first) == 4
    assert not np.array_equal(first.particle_features, second.particle_features)
