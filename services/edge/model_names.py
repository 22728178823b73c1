"""The names clients may ask for, and what they mean: the configuration's model names and its aliases."""

from collections.abc import Collection, Mapping, Sequence

from shared.access import model_allowed
from shared.keys import Key


class ModelNames:
    def __init__(
        self,
        groups: Collection[str],
        aliases: Mapping[str, str],
        hidden: Collection[str],
        access_groups: Mapping[str, frozenset[str]],
    ) -> None:
        """`aliases` are router_settings.model_group_alias; `hidden` ones are served but not listed."""
        self.groups = frozenset(groups)
        self.access_groups = access_groups
        self._aliases = aliases
        self._listed = [*dict.fromkeys(groups), *[name for name in aliases if name not in hidden]]

    def group_of(self, model: str, key_aliases: Mapping[str, str]) -> str:
        """Return the model name of the configuration that `model` means for a key; unknown names stay as they are."""
        model = key_aliases.get(model, model)
        if model in self.groups:
            return model
        return self._aliases.get(model, model)

    def usable_by(self, key: Key | None) -> Sequence[str]:
        """Return the names to list for `key` (None: the master key)."""
        if key is None:
            return self._listed
        listed = [*self._listed, *[alias for alias in key.aliases if alias not in self._listed]]
        return [name for name in listed if model_allowed(key, self.group_of(name, key.aliases), self.access_groups)]
