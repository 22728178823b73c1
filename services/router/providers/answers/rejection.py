"""Why a request cannot be put into a provider's form. Both are the caller's to mend: HTTP 400, never retried.

* Rejected
  * UnsupportedParameter   the provider has no such thing; `drop_params: true` would leave it out
  * InvalidField           the request itself is malformed there
"""

from collections.abc import Iterable, Mapping


class Rejected(Exception):
    """`param` is the field concerned, as a path in the caller's body; `message` is safe to show."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class UnsupportedParameter(Rejected):
    def __init__(self, names: Iterable[str], *, why: Mapping[str, str] | None = None, provider: str = "") -> None:
        """`why` says for a name what is wrong with its value, where the name alone does not tell."""
        self.names = tuple(names)
        reasons = why or {}
        listed = ", ".join(f"{name} ({reasons[name]})" if reasons.get(name) else name for name in self.names)
        super().__init__(
            f"{provider or 'This provider'} does not support: {listed}. "
            "Leave it out of the request, or set drop_params: true to have the gateway leave it out.",
            self.names[0],
        )


class InvalidField(Rejected):
    def __init__(self, path: str, message: str) -> None:
        """`path` as in messages[2].content[0].image_url; `message` continues a sentence that begins with it."""
        super().__init__(f"{path} {message}", path)
        self.problem = message
