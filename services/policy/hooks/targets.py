"""Which hooks are to be called, as LiteLLM's settings and variables say it. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from shared.config import Config, MissingVariable

_ALERT = "budget_alerts"
_SLACK_VARIABLES = ("SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL")
_WEBHOOK_VARIABLE = "WEBHOOK_URL"
_MINE = f"general_settings.alert_to_webhook_url.{_ALERT}"


class Target(NamedTuple):
    """`name` is shown in logs, since a hook's URL is a secret."""

    name: str
    url: str
    is_slack: bool


class Hooks(NamedTuple):
    """The hooks in the order in which they are called, and what keeps others from being called, in sentences.

    As with a provider's key, what is missing must not keep the gateway from starting.
    """

    targets: tuple[Target, ...]
    problems: tuple[str, ...]


def hooks_of(config: Config, environ: Mapping[str, str]) -> Hooks:
    general = config.general_settings
    if general.alert_types is not None and _ALERT not in general.alert_types:
        return Hooks((), ())
    found = [hook for kind in dict.fromkeys(general.alerting) for hook in _of_kind(kind, config, environ)]
    return Hooks(
        tuple(hook for hook in found if isinstance(hook, Target)),
        tuple(hook for hook in found if isinstance(hook, str)),
    )


def _of_kind(kind: str, config: Config, environ: Mapping[str, str]) -> Iterator[Target | str]:
    if kind == "webhook":
        yield _in_environment(kind, environ, (_WEBHOOK_VARIABLE,), is_slack=False)
    elif kind == "slack":
        own = config.general_settings.alert_to_webhook_url.get(_ALERT, ())
        urls = (own,) if isinstance(own, str | MissingVariable) else own
        if not urls:
            yield _in_environment(kind, environ, _SLACK_VARIABLES, is_slack=True)
        for number, url in enumerate(urls):
            name = f"slack {number + 1}" if len(urls) > 1 else "slack"
            if isinstance(url, MissingVariable):
                yield f"{_MINE} has no address, and nobody is told there: {url.remedy}"
            else:
                yield _checked(Target(name, url, True), _MINE)
    else:
        yield f"general_settings.alerting has '{kind}', which is not sent: 'webhook' and 'slack' are"


def _in_environment(
    kind: str, environ: Mapping[str, str], variables: tuple[str, ...], *, is_slack: bool
) -> Target | str:
    name = next((name for name in variables if environ.get(name)), None)
    if name is None:
        return f"general_settings.alerting has '{kind}', but nobody says where: set {variables[0]} in the environment"
    return _checked(Target(kind, environ[name], is_slack), name)


def _checked(target: Target, setting: str) -> Target | str:
    if target.url.startswith(("http://", "https://")):
        return target
    return f"{setting} must begin with http:// or https://, and nobody is told there"
