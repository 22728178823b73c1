"""`meterhouse providers`: what is supported, and what each provider needs."""

from collections.abc import Sequence

from services.router.providers.supported import Supported, supported_providers


class UnknownProvider(Exception):
    """The message says which names there are that come near."""


def providers_list() -> list[str]:
    """Return a line for each provider: its name, its credential, and what it can be asked for."""
    providers = supported_providers()
    rows = [("provider", "credential", "calls")]
    rows += [(each.name, credential_of(each), ", ".join(each.calls)) for each in providers]
    names = sum(1 + len(each.other_names) for each in providers)
    return [*_table(rows), "", f"{names} names. `meterhouse providers NAME` says what one needs."]


def provider_lines(name: str) -> list[str]:
    """Return what there is to know of one provider.

    Raises:
        UnknownProvider
    """
    found = next((each for each in supported_providers() if name in (each.name, *each.other_names)), None)
    if found is None:
        near = [each.name for each in supported_providers() if name[:3].lower() in each.name.lower()]
        hint = f"; there is {', '.join(near[:5])}" if near else ""
        raise UnknownProvider(f"There is no provider {name}{hint}. `meterhouse providers` lists all.")
    facts = [
        ("protocol", found.protocol),
        ("credential", credential_of(found)),
        ("address", address_of(found)),
        ("needs", ", ".join(found.needs) or "nothing more"),
        ("takes", ", ".join(("api_key", "api_base", *found.settings))),
        ("calls", ", ".join(found.calls)),
        *([("note", found.note)] if found.note else []),
        ("other names", ", ".join(found.other_names) or "none"),
        ("documentation", found.docs),
    ]
    return [
        f"{found.name}: models are written {found.name}/MODEL",
        "",
        *[f"  {what:<14} {text}" for what, text in facts],
    ]


def credential_of(provider: Supported) -> str:
    """Return the variables with the credential, in words."""
    if not provider.key_env:
        return "none"
    return " or ".join(provider.key_env) + (" (optional)" if provider.key_optional else "")


def address_of(provider: Supported) -> str:
    """Return where it is reached, and by which variables that can be changed."""
    own = provider.base_url or "of your own"
    return f"{own} ({' or '.join(provider.base_url_env)})" if provider.base_url_env else own


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]
