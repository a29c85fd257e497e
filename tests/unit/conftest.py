from hypothesis import settings

from tests.unit.chain import chain, model, normalization, train_config  # noqa: F401 - fixtures

# The same examples in every run, so that a test that passed here passes there; and no limit on the
# time of one example, since the first one compiles.
settings.register_profile("hypervae", deadline=None, derandomize=True, database=None)
settings.load_profile("hypervae")
