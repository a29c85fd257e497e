import h5py
import numpy as np
import pytest

from hypervae.errors import InputError
from hypervae.plotting.correlators import read_correlators


def test_mean_and_error_are_those_over_jets(write_normalization):
    per_jet = np.random.default_rng(3).gamma(1, 0.01, (50, 12))
    found = read_correlators(write_normalization(per_jet=per_jet))
    inside = per_jet[:, 1:-1]  # without underflow and overflow
    np.testing.assert_allclose(found.mean[2], inside.mean(axis=0))
    np.testing.assert_allclose(found.error[2], inside.std(axis=0, ddof=1) / np.sqrt(50))
    np.testing.assert_allclose(found.ratio(3)[0], 1.5)
    values, _ = found.density(2)
    np.testing.assert_allclose((values * np.diff(np.log(found.edges))).sum(), found.mean[2].sum())


def test_empty_bins_have_no_ratio(write_normalization):
    per_jet = np.random.default_rng(3).gamma(1, 0.01, (50, 12))
    per_jet[:, 4] = 0
    values, error = read_correlators(write_normalization(per_jet=per_jet)).ratio(3)
    assert np.isnan(values[3])
    assert np.isnan(error[3])
    assert np.isfinite(np.delete(values, 3)).all()


def test_bad_files_are_named(write_normalization):
    path = write_normalization()
    with h5py.File(path, "a") as file:
        del file["enc/3/sum2"]
    with pytest.raises(InputError, match="enc/3/sum2: found no such dataset"):
        read_correlators(path)
    with h5py.File(path, "a") as file:
        file["enc/3/sum2"] = np.zeros(4)
    with pytest.raises(InputError, match=r"enc/3/sum2: found \(4,\)"):
        read_correlators(path)
    with h5py.File(path, "a") as file:
        file.attrs["n_jets"] = 0
    with pytest.raises(InputError, match="n_jets"):
        read_correlators(path)
