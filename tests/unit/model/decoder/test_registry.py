"""What the registry says of the particle decoders without torch is what they say themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from hypervae.config import ModelConfig
from hypervae.errors import ConfigError
from hypervae.model.decoder.registry import PARTICLE_DECODERS, DecoderConfig, DecoderSections
from hypervae.model.losses.terms import COMMON_TERMS
from tests.unit.chain import MODEL


def test_each_section_has_the_name_of_a_decoder():
    sections = DecoderSections.model_fields
    assert set(sections) <= set(PARTICLE_DECODERS)
    assert all(issubclass(field.annotation, DecoderConfig) for field in sections.values())


@pytest.mark.parametrize("name", PARTICLE_DECODERS)
def test_only_a_decoder_that_anchors_dimensions_does_without_others(name):
    decoder = PARTICLE_DECODERS[name]
    settings = {**MODEL, "decoder": name}
    if decoder.anchored_dims(ModelConfig.of(settings)):
        assert ModelConfig.of({**settings, "latent_dim": 0}).latent_dim == 0
    else:
        with pytest.raises(ConfigError, match=f"latent_dim: found 0, .* for decoder {name}"):
            ModelConfig.of({**settings, "latent_dim": 0})


def test_loss_terms_have_names_of_their_own():
    names = [term for decoder in PARTICLE_DECODERS.values() for term in decoder.loss_terms]
    assert len(set(names)) == len(names)
    assert not set(names) & set(COMMON_TERMS)


def test_each_is_explained_in_the_meaning_of_the_key():
    meaning = ModelConfig.model_fields["decoder"].description
    assert "()" not in meaning
    assert all(f"{name} (" in meaning for name in PARTICLE_DECODERS)


@pytest.mark.parametrize("first", ["hypervae.model.decoder.registry", "hypervae.config"])
def test_registry_and_config_are_imported_in_either_order_without_torch(first):
    code = (
        f"import sys, {first}, hypervae.config, hypervae.model.decoder.registry\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])
