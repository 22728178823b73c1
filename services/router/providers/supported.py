"""What is supported, and what each provider needs: one list for the command line, the documentation and its tests."""

import tomllib
from pathlib import Path

import msgspec

from services.router.providers.compatible import Call, load_rows

ALIASES = {
    "ai21": "ai21_chat",
    "azure_text": "azure",
    "cohere_chat": "cohere",
    "custom_openai": "openai",
    "ollama_chat": "ollama",
    "openai_like": "openai",
    "sagemaker_nova": "sagemaker_chat",
    "text-completion-openai": "openai",
    "vertex_ai_beta": "vertex_ai",
}
"""Other names that LiteLLM has for a provider."""

_OWN = Path(__file__).with_name("own_protocols.toml")
_OPENAI = "OpenAI chat completions"


class Supported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider; own_protocols.toml explains the fields."""

    name: str
    protocol: str
    docs: str
    key_env: tuple[str, ...]
    key_optional: bool = False
    base_url: str | None = None
    base_url_env: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ("chat",)
    other_names: tuple[str, ...] = ()
    note: str = ""


def supported_providers() -> tuple[Supported, ...]:
    """Return every provider, by name; aliases stand with what they mean."""
    found = [_compatible(name) for name in load_rows()]
    found += [
        msgspec.convert({**table, "name": name, "other_names": _aliases(name)}, Supported)
        for name, table in tomllib.loads(_OWN.read_text(encoding="utf-8")).items()
    ]
    return tuple(sorted(found, key=lambda provider: provider.name.lower()))


def _compatible(name: str) -> Supported:
    row = load_rows()[name]
    return Supported(
        name=name,
        protocol=_OPENAI,
        docs=row.docs,
        key_env=row.key_env,
        key_optional=row.key_optional,
        base_url=row.base_url,
        base_url_env=row.base_url_env,
        needs=() if row.base_url else ("api_base",),
        settings=row.settings,
        calls=row.calls,
        note=row.note,
        other_names=_aliases(name),
    )


def _aliases(name: str) -> tuple[str, ...]:
    return tuple(alias for alias, meant in ALIASES.items() if meant == name)
