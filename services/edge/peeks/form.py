"""What stands in the fields of a form, and what is wrong with it in words."""

from services.edge.peeks.peek import Ours
from shared.errors import InvalidRequest
from shared.payloads.forms import Field


def text_of(fields: tuple[Field, ...], name: str) -> str | None:
    """Return the text of a plain field, the last where there are several, None where there is none."""
    found = [field.value.decode() for field in fields if field.name == name and field.filename is None]
    return found[-1] if found else None


def required(fields: tuple[Field, ...], *names: str, route: str) -> Field:
    """Return the first field with one of `names`, which must be a file.

    Raises:
        InvalidRequest: there is none, or it is empty or no file.
    """
    for field in fields:
        if field.name in names:
            if field.filename is None or not field.value:
                raise InvalidRequest(f"{route}: '{names[0]}' must be a file that is not empty.", param=names[0])
            return field
    raise InvalidRequest(f"{route}: Missing required parameter: '{names[0]}'.", param=names[0])


def texts_bytes(fields: tuple[Field, ...]) -> int:
    """Return the bytes of all plain fields: files are no text."""
    return sum(len(field.value) + len(field.name) for field in fields if field.filename is None)


def count_of(fields: tuple[Field, ...], name: str, route: str) -> int | None:
    """Raises: InvalidRequest: it is no whole number."""
    text = text_of(fields, name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise InvalidRequest(f"{route}: '{name}' must be a whole number.", param=name) from None


def is_true(fields: tuple[Field, ...], name: str) -> bool:
    return (text_of(fields, name) or "").strip().lower() in ("true", "1")


def ours_in(fields: tuple[Field, ...], route: str) -> Ours:
    """Return the fields that speak to the gateway; lists are written with commas.

    Raises:
        InvalidRequest: a number is none.
    """
    timeout = text_of(fields, "timeout")
    try:
        timeout_s = None if timeout is None else float(timeout)
    except ValueError:
        raise InvalidRequest(f"{route}: 'timeout' must be a number.", param="timeout") from None
    return Ours(
        model=text_of(fields, "model"),
        user=text_of(fields, "user"),
        tags=_listed(text_of(fields, "tags")),
        guardrails=[*(_listed(text_of(fields, "guardrails")) or ())] or None,
        num_retries=count_of(fields, "num_retries", route),
        timeout=timeout_s,
        disable_fallbacks=is_true(fields, "disable_fallbacks") or None,
        drop_params=is_true(fields, "drop_params") or None,
    )


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
