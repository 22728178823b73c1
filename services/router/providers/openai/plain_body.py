"""The body of a call that is not a chat: the client's, but for the model and the fields that speak to the gateway."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.base import ProviderCall
from services.router.providers.openai.body import OURS, refuse_credentials
from shared.payloads.forms import BadForm, Field, read_form, write_form

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def plain_body(
    call: ProviderCall,
    *,
    model: str,
    defaults: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    drop: tuple[str, ...] = (),
) -> bytes:
    """Return the JSON body for `model`; `defaults` fill what the client left out, `extra` is added, `drop` removed.

    Raises:
        InvalidField: the body is not a JSON object, or brings credentials.
    """
    try:
        fields: dict[str, Any] = _decode(call.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidField("request_body", f"is not a JSON object: {error}") from error
    refuse_credentials(fields.keys())
    for name in (*(fields.keys() & OURS), *drop):
        fields.pop(name, None)
    for name, value in (defaults or {}).items():
        fields.setdefault(name, value)
    fields["model"] = model
    if extra:
        fields |= extra
    return _encode(fields)


def plain_form(
    call: ProviderCall, *, model: str, extra: Mapping[str, Any] | None = None, drop: tuple[str, ...] = ()
) -> tuple[bytes, str]:
    """Return the form for `model`, and its content type.

    Raises:
        InvalidField: the body is not a form, or brings credentials.
    """
    try:
        fields = read_form(call.body, call.content_type)
    except BadForm as error:
        raise InvalidField("request_body", f"is not a form: {error}") from error
    refuse_credentials({field.name for field in fields})
    out = OURS | {"model", *drop, *(extra or ())}
    kept = [field for field in fields if field.name not in out]
    added = [Field(name, value if isinstance(value, bytes) else _text(value)) for name, value in (extra or {}).items()]
    return write_form([*kept, Field("model", model.encode()), *added])


def _text(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else _encode(value)
