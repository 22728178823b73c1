"""Which model names to try when one fails, as the configuration says it."""

from shared.config import Config
from shared.config.sections.router_settings import Fallbacks
from shared.serving.model_groups import FallbackNames, ModelGroups


def fallbacks_of(config: Config, groups: ModelGroups) -> FallbackNames:
    """Return the model names to try when one fails, by model name; those of "*" and the defaults are filled in."""
    settings = config.router_settings
    named = _targets(settings.fallbacks)
    default = named.pop("*", ()) or settings.default_fallbacks
    return FallbackNames(named, groups, default)


def context_fallbacks_of(config: Config, groups: ModelGroups) -> FallbackNames:
    """Return the model names to try when a prompt is too long for one, by model name."""
    return FallbackNames(_targets(config.router_settings.context_window_fallbacks), groups)


def policy_fallbacks_of(config: Config, groups: ModelGroups) -> FallbackNames:
    """Return the model names to try when a provider refuses the content, by model name."""
    return FallbackNames(_targets(config.router_settings.content_policy_fallbacks), groups)


def _targets(fallbacks: Fallbacks) -> dict[str, tuple[str, ...]]:
    """A target may be a mapping that names its model and overrides parameters; the overrides have no effect yet."""
    named: dict[str, tuple[str, ...]] = {}
    for entry in fallbacks:
        for group, targets in entry.items():
            names = [target if isinstance(target, str) else target.get("model") for target in targets]
            named[group] = tuple(name for name in names if isinstance(name, str))
    return named
