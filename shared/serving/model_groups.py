"""Which deployments serve a model name: those that bear it, else those of the wildcard that says most of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

from shared.config import Config
from shared.prices.terms import Terms
from shared.serving.deployments import Deployment, deployments_of, terms_of
from shared.serving.model_names import MATCHES_KEPT, Match, Wildcards, filled, provider_told_by


class DeploymentsByName(Protocol):
    """A dictionary is one."""

    def get(self, name: str, default: tuple[Deployment, ...], /) -> tuple[Deployment, ...]: ...


class NamesByName(Protocol):
    """A dictionary is one."""

    def get(self, name: str, default: tuple[str, ...], /) -> tuple[str, ...]: ...


TermsOf = Callable[[str], Terms | None]


def model_groups_of(config: Config, more: Iterable[Deployment] = ()) -> "ModelGroups":
    """Return the deployments of a configuration, and `more`, by the names they serve."""
    settings = config.litellm_settings
    return ModelGroups(
        (*deployments_of(config), *more), terms_of_provider=lambda provider: terms_of(provider, settings)
    )


class ModelGroups:
    def __init__(self, deployments: Iterable[Deployment], *, terms_of_provider: TermsOf | None = None) -> None:
        """`terms_of_provider` tells the discount and margin where a wildcard takes any provider."""
        self._terms_of = terms_of_provider
        members: dict[str, list[Deployment]] = {}
        for deployment in deployments:
            members.setdefault(deployment.group, []).append(deployment)
        self._named = {name: tuple(found) for name, found in members.items()}
        self._wildcards = Wildcards(self._named)
        self.names = tuple(name for name in self._named if "*" not in name)
        self.patterns = self._wildcards.patterns
        self._served = lru_cache(MATCHES_KEPT)(self._serving)

    def get(self, name: str, default: tuple[Deployment, ...] = (), /) -> tuple[Deployment, ...]:
        """Return the deployments of `name`. Those of a wildcard have the model asked for in place of the star."""
        if not self.patterns:
            return self._named.get(name, default)
        if "*" in name:
            return default
        return self._named.get(name) or self._served(name) or default

    def pattern_for(self, name: str) -> str | None:
        """Return the wildcard that serves `name`, None where it is a name of the configuration or is not served."""
        if not self.patterns or name in self._named:
            return None
        match = self._wildcards.match(name)
        return match.pattern if match and self._served(name) else None

    def __iter__(self) -> Iterator[Deployment]:
        """Yield the deployments as they are configured."""
        for members in self._named.values():
            yield from members

    def of_pattern(self, pattern: str) -> tuple[Deployment, ...]:
        """Return the deployments of a wildcard as they are configured."""
        return self._named.get(pattern, ())

    def _serving(self, name: str) -> tuple[Deployment, ...]:
        match = self._wildcards.match(name)
        if match is None:
            return ()
        found = (_filled_in(deployment, name, match, self._terms_of) for deployment in self._named[match.pattern])
        return tuple(deployment for deployment in found if deployment is not None)


class FallbackNames:
    """Which model names to try in place of another, also where a wildcard serves it."""

    def __init__(
        self, named: Mapping[str, tuple[str, ...]], groups: ModelGroups, default: tuple[str, ...] | None = None
    ) -> None:
        """`default` is for names without an entry; None: there is none, and targets that nothing serves are kept."""
        self._default = default
        self._groups = groups
        self._named = {name: self._for(name, targets) for name, targets in named.items()}
        for name in groups.names if default else ():
            self._named.setdefault(name, self._for(name, default or ()))

    def get(self, name: str, default: tuple[str, ...] = (), /) -> tuple[str, ...]:
        targets = self._named.get(name)
        if targets is not None or not self._groups.patterns:
            return targets if targets is not None else default
        pattern = self._groups.pattern_for(name)
        targets = self._named.get(pattern) if pattern else None
        return self._for(name, targets if targets is not None else self._default or ()) or default

    def _for(self, name: str, targets: tuple[str, ...]) -> tuple[str, ...]:
        if self._default is None:
            return targets
        return tuple(target for target in targets if target != name and self._groups.get(target))


def _filled_in(deployment: Deployment, name: str, match: Match, terms_of: TermsOf | None) -> Deployment | None:
    """Return the deployment for one name; None where its provider is to stand in the name and does not."""
    provider, model, terms = deployment.provider, deployment.model, deployment.terms
    if provider == "*":
        asked = filled("*", match.parts) if match.parts else name
        provider, slash, model = asked.partition("/")
        if not slash:
            provider, model = provider_told_by(asked) or "", asked
        if not provider or not model:
            return None
        terms = terms_of(provider) if terms_of else terms
    elif "*" in model:
        parts = tuple(part.removeprefix(f"{provider}/") for part in match.parts)
        model = filled(model, parts)
        if not model:
            return None
    priced_as = model if deployment.priced_as == deployment.model else filled(deployment.priced_as, match.parts)
    return replace(
        deployment, group=name, provider=provider, model=model, priced_as=priced_as, terms=terms, wildcard=match.pattern
    )
