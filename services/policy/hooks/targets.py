"""Which hooks are to be called, as LiteLLM's settings and variables say it. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from shared.config import Config, ConfigError, MissingVariable

_ALERT = "budget_alerts"
_SLACK_VARIABLES = ("SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL")
_WEBHOOK_VARIABLE = "WEBHOOK_URL"


class Target(NamedTuple):
    """`name` is shown in logs, since a hook's URL is a secret."""

    name: str
    url: str
    is_slack: bool


def targets_of(config: Config, environ: Mapping[str, str]) -> tuple[Target, ...]:
    """Return the hooks in the order in which they are called.

    Raises:
        ConfigError: a kind of alerting is wanted, and its address is nowhere.
    """
    general = config.general_settings
    if general.alert_types is not None and _ALERT not in general.alert_types:
        return ()
    found: list[Target] = []
    for kind in dict.fromkeys(general.alerting):
        if kind == "webhook":
            found.append(Target("webhook", _address(environ, kind, (_WEBHOOK_VARIABLE,)), False))
        elif kind == "slack":
            own = general.alert_to_webhook_url.get(_ALERT, ())
            urls = [_given(url) for url in ((own,) if isinstance(own, str | MissingVariable) else own)]
            for number, url in enumerate(urls or [_address(environ, kind, _SLACK_VARIABLES)]):
                found.append(Target(f"slack {number + 1}" if len(urls) > 1 else "slack", url, True))
    return tuple(found)


def unknown_kinds(config: Config) -> tuple[str, ...]:
    """Return the kinds of alerting that are wanted, and that there is no way to send."""
    return tuple(kind for kind in config.general_settings.alerting if kind not in ("webhook", "slack"))


def _address(environ: Mapping[str, str], kind: str, variables: tuple[str, ...]) -> str:
    url = next((environ[name] for name in variables if environ.get(name)), None)
    if url is None:
        raise ConfigError(
            None,
            f"general_settings.alerting has '{kind}', but nobody says where: set {variables[0]} in the environment",
        )
    return _checked(url, variables[0])


def _given(url: str | MissingVariable) -> str:
    setting = f"general_settings.alert_to_webhook_url.{_ALERT}"
    if isinstance(url, MissingVariable):
        raise ConfigError(None, f"{setting} has no address: {url.remedy}")
    return _checked(url, setting)


def _checked(url: str, setting: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ConfigError(None, f"{setting} must begin with http:// or https://")
    return url
