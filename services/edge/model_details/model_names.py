"""The names clients may ask for, and what they mean: the configuration's model names, its wildcards and aliases."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from services.edge.model_details.wildcard_names import listed_as
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import Key
from shared.serving.deployments import Deployment
from shared.serving.model_groups import ModelGroups

NAMES_SHOWN = 50
"""In an error: a wildcard can stand for hundreds."""


class ModelNames:
    def __init__(
        self,
        groups: ModelGroups,
        aliases: Mapping[str, str],
        hidden: Collection[str],
        access: HolderAccess,
    ) -> None:
        """`aliases` are router_settings.model_group_alias; `hidden` ones are served but not listed."""
        self.access = access
        self._groups = groups
        self._names = frozenset(groups.names)
        self._aliases = aliases
        self._listed = [*groups.names, *[name for name in aliases if name not in hidden]]

    def group_of(self, model: str, key_aliases: Mapping[str, str]) -> str:
        """Return the model name of the configuration that `model` means for a key; unknown names stay as they are."""
        model = key_aliases.get(model, model)
        if model in self._names:
            return model
        return self._aliases.get(model, model)

    def serves(self, group: str) -> bool:
        """Return whether a deployment serves the name, by itself or through a wildcard."""
        return group in self._names or bool(self._groups.get(group))

    def deployments_of(self, group: str) -> Sequence[Deployment]:
        """Return those that serve the name, by itself or through a wildcard."""
        return self._groups.get(group)

    def usable_by(self, key: Key | None) -> Sequence[str]:
        """Return the names to list for `key` (None: the master key); wildcards as the models known of them."""
        listed = [*self._listed, *self._wildcards_listed]
        if key is None:
            return listed
        aliases = self.access.aliases_of(key)
        listed += [alias for alias in aliases if alias not in listed]
        return [name for name in listed if self.allows(key, name)]

    def patterns_usable_by(self, key: Key | None) -> Sequence[str]:
        """Return the wildcards as they are configured, of those that `key` may use wholly."""
        return [pattern for pattern in self._groups.patterns if self.access.allows(key, pattern)]

    def allows(self, key: Key | None, name: str) -> bool:
        return self.access.allows(key, self.group_of(name, self.access.aliases_of(key)))

    @cached_property
    def _wildcards_listed(self) -> list[str]:
        """Made when it is first asked for: it takes the price catalogue."""
        return [name for name in self._of_wildcards() if name not in self._names]

    def _of_wildcards(self) -> Iterator[str]:
        names: dict[str, None] = {}
        for pattern in self._groups.patterns:
            names |= dict.fromkeys(listed_as(pattern, self._groups.of_pattern(pattern)))
        yield from names


def some_of(names: Sequence[str]) -> str:
    """Return the names for an error, not more of them than can be read."""
    more = len(names) - NAMES_SHOWN
    return f"{', '.join(names[:NAMES_SHOWN]) or 'none'}{f' and {more} more' if more > 0 else ''}"
