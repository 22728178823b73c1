"""The form in which clients send a recording to be written down. https://platform.openai.com/docs/api-reference/audio"""

from collections.abc import Collection
from typing import NamedTuple

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.base import ProviderCall
from services.router.providers.openai.body import OURS, refuse_credentials
from shared.payloads.forms import BadForm, Field, read_form


class Recording(NamedTuple):
    """`fields` are the other fields of the form, as text; of several with one name the last."""

    file: Field
    fields: dict[str, str]


def recording_in(call: ProviderCall, *, known: Collection[str], drop: Collection[str], provider: str) -> Recording:
    """Return what the form holds.

    Raises:
        InvalidField: it is not a form with a file, or brings credentials.
        UnsupportedParameter: it has fields that are not `known`, and they may not be dropped.
    """
    try:
        given = read_form(call.body, call.content_type)
    except BadForm as error:
        raise InvalidField("request_body", f"is not a form: {error}") from error
    refuse_credentials({field.name for field in given})
    file = next((field for field in given if field.name == "file"), None)
    if file is None:
        raise InvalidField("file", "is missing")
    fields = {field.name: field.value.decode() for field in given if field.name not in OURS and field.filename is None}
    others = [name for name in fields if name not in (*known, *drop, "model", "file")]
    if others and not call.drop_params:
        raise UnsupportedParameter(others, provider=provider)
    return Recording(file, {name: text for name, text in fields.items() if name in known and name not in drop})


def format_of(fields: dict[str, str], takes: Collection[str] = ("json", "text", "verbose_json")) -> str:
    """Raises: InvalidField."""
    wanted = fields.get("response_format", "json")
    if wanted not in takes:
        raise InvalidField("response_format", f"must be one of {', '.join(takes)}.")
    return wanted
