import matplotlib.pyplot as plt
import numpy as np
import pytest

from hypervae.formats.evaluation import read_arrays
from hypervae.observables import ObservableValues
from hypervae.plotting.images import draw_images, mean_image
from hypervae.plotting.style import figure_style
from tests.unit.plotting.conftest import results


def sample(eta, phi, pt, multiplicity):
    values = {"etarel": eta, "phirel": phi, "ptrel": pt, "multiplicity": multiplicity}
    columns = {name: np.array(column, float) for name, column in values.items()}
    return ObservableValues(columns, np.array(multiplicity))


def test_pixels_hold_the_mean_sum_of_ptrel():
    # four pixels of 0.5; the particle at 0.7 lies outside
    jets = sample([-0.1, -0.2, 0.3, 0.7], [-0.3, -0.1, 0.2, 0.0], [0.5, 0.25, 1, 9], [2, 2])
    image = mean_image(jets, 2)
    np.testing.assert_allclose(image, [[0.375, 0], [0, 0.5]])  # first axis: etarel


def test_particles_that_are_not_finite_are_left_out():
    jets = sample([0.1, np.nan, 0.1], [0.1, 0.1, np.inf], [1.0, 1.0, 1.0], [3])
    np.testing.assert_allclose(mean_image(jets, 2), [[0, 0], [0, 1]])
    assert mean_image(sample([np.nan], [0.0], [1.0], [1]), 2) is None
    del jets.values["phirel"]
    assert mean_image(jets, 2) is None


@pytest.fixture
def draw(config):
    """Draw the images; closed at the end."""
    with figure_style(config):
        yield lambda samples: draw_images(samples, results(), 10)
    plt.close("all")


def test_colours_of_both_images_are_alike_and_those_of_the_difference_symmetric(draw, write_arrays):
    samples = read_arrays(write_arrays()).samples
    meshes = [axis.collections[0] for axis in draw(samples).axes[:3]]
    test, generated = (mean_image(samples[name], 10).T for name in ("test", "generated"))
    for mesh, image in zip(meshes, (test, generated, generated - test), strict=True):
        np.testing.assert_allclose(mesh.get_array(), image)
    assert meshes[0].norm.vmax == meshes[1].norm.vmax == max(test.max(), generated.max())
    assert meshes[2].norm.vmin == -meshes[2].norm.vmax
    assert meshes[2].norm.vmax == np.abs(generated - test).max()


def test_the_same_sample_twice_and_empty_ones_are_drawn(draw, write_arrays):
    samples = read_arrays(write_arrays()).samples
    draw({**samples, "generated": samples["test"]}).savefig("/dev/null", format="png")
    far = sample([2.0], [2.0], [0.1], [1])
    figure = draw({**samples, "generated": far})
    assert "no particles" in figure.axes[0].texts[0].get_text()
