"""The config: one frozen model a section, read by the workflow and by every subcommand.

The models are the one authority on keys: types, bounds, defaults, units, meaning, what reruns. From
them come the messages, the command line's options, the JSON schema and the reference page.
"""

from hypervae.config.base import Section
from hypervae.config.data import (
    DataConfig,
    JetNetConfig,
    SimulationConfig,
    SourceConfig,
    SplitConfig,
)
from hypervae.config.decisive import decisive, execution_keys
from hypervae.config.features import CorrelatorsConfig, HyperedgesConfig, NormalizationConfig
from hypervae.config.keys import Key, keys_of, subsections
from hypervae.config.model import ModelConfig
from hypervae.config.models import ModelEntry, ModelSections
from hypervae.config.results import (
    EquivarianceConfig,
    EvaluateConfig,
    GenerateConfig,
    PlotConfig,
    ReconstructionConfig,
)
from hypervae.config.train import ExecutionConfig, LossWeights, TrainConfig
from hypervae.config.whole import (
    STAGES,
    CorrelatorsStageConfig,
    EvaluateStageConfig,
    Stage,
    TrainStageConfig,
    WorkflowConfig,
    resolve_config,
    resolve_section,
    sections_of_model,
)

# The settings that a stage is given are compared, not the code that reads them (`hypervae.digest`).
DECIDES_RESULTS_OF = ()

__all__ = [
    "STAGES",
    "CorrelatorsConfig",
    "CorrelatorsStageConfig",
    "DataConfig",
    "EquivarianceConfig",
    "EvaluateConfig",
    "EvaluateStageConfig",
    "ExecutionConfig",
    "GenerateConfig",
    "HyperedgesConfig",
    "JetNetConfig",
    "Key",
    "LossWeights",
    "ModelConfig",
    "ModelEntry",
    "ModelSections",
    "NormalizationConfig",
    "PlotConfig",
    "ReconstructionConfig",
    "Section",
    "SimulationConfig",
    "SourceConfig",
    "SplitConfig",
    "Stage",
    "TrainConfig",
    "TrainStageConfig",
    "WorkflowConfig",
    "decisive",
    "execution_keys",
    "keys_of",
    "resolve_config",
    "resolve_section",
    "sections_of_model",
    "subsections",
]
