"""LiteLLM's config.yaml, loaded and checked: what edge, policy and router are told by the operator.

A setting is one of three: it takes effect, it is accepted and said to have no effect yet, or it is unknown and said so.
None is passed over in silence; only a value that cannot be used is refused.
"""

from shared.config.config import Config
from shared.config.documentation.listing import Setting, every_setting
from shared.config.load import load_config, parse_config
from shared.config.reading.failure import ConfigError
from shared.config.reading.references import MissingVariable
from shared.config.sections.general_settings import GeneralSettings, MeterhouseSettings
from shared.config.sections.guardrails import Guardrail, GuardrailParams, TaggedModes
from shared.config.sections.identity import provider_and_model
from shared.config.sections.litellm_settings import LiteLLMSettings
from shared.config.sections.model_list import LiteLLMParams, ModelEntry, ModelInfo
from shared.config.sections.router_settings import ModelAlias, RouterSettings, RoutingStrategy

__all__ = [
    "Config",
    "ConfigError",
    "GeneralSettings",
    "Guardrail",
    "GuardrailParams",
    "LiteLLMParams",
    "LiteLLMSettings",
    "MeterhouseSettings",
    "MissingVariable",
    "ModelAlias",
    "ModelEntry",
    "ModelInfo",
    "RouterSettings",
    "RoutingStrategy",
    "Setting",
    "TaggedModes",
    "every_setting",
    "load_config",
    "parse_config",
    "provider_and_model",
]
