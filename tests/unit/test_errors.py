from hypervae.errors import ConfigError, HyperVAEError, InputError


def test_the_message_names_file_field_found_and_expected():
    error = InputError("a/b.h5", "jet_features", found="shape (3,)", expected="shape (3, 4)")
    assert str(error) == "a/b.h5: jet_features: found shape (3,), expected shape (3, 4)"
    assert (error.file, error.field) == ("a/b.h5", "jet_features")
    assert isinstance(error, HyperVAEError)
    assert issubclass(ConfigError, HyperVAEError)
