"""The one way a guardrail's configuration can be refused."""

from shared.config.reading.failure import ConfigError


class GuardrailConfigError(ConfigError):
    """A guardrail cannot be built: one sentence with its name, the setting and the remedy."""

    def __init__(self, guardrail: str, message: str) -> None:
        super().__init__(None, f"guardrail {guardrail!r}: {message}")
        self.guardrail = guardrail
