import pickle

import pytest

from hypervae.errors import ArgumentError, ConfigError, DiskFull, HyperVAEError, InputError


def test_the_message_names_file_field_found_and_expected():
    error = InputError("a/b.h5", "jet_features", found="shape (3,)", expected="shape (3, 4)")
    assert str(error) == "a/b.h5: jet_features: found shape (3,), expected shape (3, 4)"
    assert (error.file, error.field) == ("a/b.h5", "jet_features")
    assert isinstance(error, HyperVAEError)
    assert issubclass(ConfigError, HyperVAEError)


@pytest.mark.parametrize(
    "error",
    [
        HyperVAEError("a", "b"),
        InputError("a.h5", "x", found="1", expected="2"),
        DiskFull("a.h5", "no space"),
        ArgumentError("n", found="1", expected="2"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_processes_as_it_is(error):
    error.add_note("seen")
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is type(error)
    assert (found.args, str(found), found.__dict__) == (error.args, str(error), error.__dict__)
