"""What one setting means for another: the same thing said in two places, and names that lead nowhere."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shared.config.config import ConfigFile
from shared.config.sections.general_settings import GeneralSettings
from shared.config.sections.litellm_settings import LiteLLMSettings
from shared.config.sections.router_settings import Fallbacks, RouterSettings

_SAME = {  # litellm_settings -> router_settings
    "num_retries": "num_retries",
    "request_timeout": "timeout",
    "fallbacks": "fallbacks",
    "default_fallbacks": "default_fallbacks",
    "context_window_fallbacks": "context_window_fallbacks",
    "content_policy_fallbacks": "content_policy_fallbacks",
}
_PUBLIC_KEYS = {"sk-1234", "sk-12345", "sk-123456"}


def router_settings_of(litellm: LiteLLMSettings, router: RouterSettings) -> RouterSettings:
    """Return the router's settings, what it does not set taken from `litellm_settings`."""
    taken = {
        theirs: getattr(litellm, ours)
        for ours, theirs in _SAME.items()
        if ours in litellm.model_fields_set and theirs not in router.model_fields_set
    }
    return router.model_copy(update=taken)


def general_settings_of(general: GeneralSettings, environ: Mapping[str, str]) -> GeneralSettings:
    """Return the settings with LiteLLM's switches carried over to our own, and its variable for the master key."""
    own: dict[str, Any] = {}
    if general.store_prompts_in_spend_logs and "store_prompts" not in general.meterhouse.model_fields_set:
        own["store_prompts"] = "full"
    if general.cancel_on_disconnect and "client_disconnect" not in general.meterhouse.model_fields_set:
        own["client_disconnect"] = "cancel"
    master_key = general.master_key or environ.get("LITELLM_MASTER_KEY") or None
    return general.model_copy(
        update={"meterhouse": general.meterhouse.model_copy(update=own), "master_key": master_key}
    )


def remarks(config: ConfigFile) -> Iterator[str]:
    """Yield a warning for each setting that is valid and still will not do what its author hopes."""
    if not config.model_list:
        yield "model_list is empty: no model can be called"
    strategy = config.router_settings.routing_strategy
    if strategy not in ("ordered", "simple-shuffle"):
        yield (
            f"router_settings.routing_strategy: {strategy} is accepted but has no effect yet: calls are balanced as by "
            "simple-shuffle"
        )
    for callback in config.litellm_settings.callbacks:
        if callback != "prometheus":
            yield f"litellm_settings.callbacks: {callback} is accepted but has no effect yet: it is not called"
    if config.general_settings.master_key in _PUBLIC_KEYS:
        yield "general_settings.master_key is a well-known example; choose one nobody can guess"
    yield from _unknown_models(config)


def _unknown_models(config: ConfigFile) -> Iterator[str]:
    router = config.router_settings
    known = {entry.model_name for entry in config.model_list}
    if any("*" in name for name in known):
        return  # a wildcard serves names that stand nowhere
    known |= router.model_group_alias.keys()
    named = [
        *(("model_group_alias", alias.model) for alias in router.model_group_alias.values()),
        *(("default_fallbacks", name) for name in router.default_fallbacks),
        *(("fallbacks", name) for name in _names(router.fallbacks)),
        *(("context_window_fallbacks", name) for name in _names(router.context_window_fallbacks)),
        *(("content_policy_fallbacks", name) for name in _names(router.content_policy_fallbacks)),
    ]
    for setting, name in dict.fromkeys(named):
        if name not in known:
            inherited = getattr(config.litellm_settings, setting, None) is getattr(router, setting)
            section = "litellm_settings" if inherited else "router_settings"
            yield f"{section}.{setting} names {name}, which is no model_name in model_list"


def _names(fallbacks: Fallbacks) -> Iterable[str]:
    for mapping in fallbacks:
        for name, targets in mapping.items():
            if name != "*":
                yield name
            for target in targets:
                if isinstance(target, str):
                    yield target
                elif isinstance(target.get("model"), str):
                    yield target["model"]
