"""The guardrails of the configuration, one after the other, over all texts of a request. Pure and synchronous."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
import orjson

from services.policy.guardrails.content_filter import ContentFilter, Refusal, build_content_filter
from services.policy.guardrails.failure import GuardrailConfigError
from services.policy.guardrails.signed_thoughts import without_broken
from services.policy.guardrails.texts import TEXT_FIELDS, TOKEN_FIELDS, Text, has_tokens, texts_of
from shared.config.sections.guardrails import Guardrail, GuardrailParams, TaggedModes
from shared.errors import BlockedByGuardrail
from shared.payloads.forms import BadForm, Field, read_form, write_form

_TYPES = {"litellm_content_filter": build_content_filter}
_MODE = "pre_call"

_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Passed(NamedTuple):
    """`body` is None where nothing was masked; `applied` are the guardrails that examined it."""

    body: bytes | None
    applied: tuple[str, ...]


class Blocked(NamedTuple):
    guardrail: str
    error: BlockedByGuardrail


class _Guard(NamedTuple):
    name: str
    mode: Any  # as clients are told it: a name, a list, or modes by tag
    filter: ContentFilter


class Chain:
    """`warnings` are sentences for the log: what of the configuration has no effect, or a dangerous one."""

    def __init__(self, guards: Sequence[tuple[_Guard, bool]], warnings: Sequence[str]) -> None:
        """Each guard comes with whether it runs for every request."""
        self.warnings = tuple(warnings)
        self._guards: dict[str, list[_Guard]] = {}
        for guard, _ in guards:
            self._guards.setdefault(guard.name, []).append(guard)
        always = {guard.name for guard, default_on in guards if default_on}
        self._always = tuple(name for name in self._guards if name in always)

    @classmethod
    def build(cls, entries: Iterable[Guardrail], *, base_dir: Path) -> Self:
        """Return the chain of `entries`; files they name are relative to `base_dir`.

        Raises:
            GuardrailConfigError: a guardrail is of a type there is not, or its settings are wrong.
        """
        guards: list[tuple[_Guard, bool]] = []
        warnings: list[str] = []
        seen: set[str] = set()
        for entry in entries:
            name, params = entry.guardrail_name, entry.litellm_params
            build = _TYPES.get(params.guardrail)
            if build is None:
                raise GuardrailConfigError(
                    name,
                    f"there is no guardrail {params.guardrail!r}; supported: {', '.join(_TYPES)}. "
                    "Take it out of guardrails: or replace it",
                )
            content_filter, about = build(name, params.own_settings(), base_dir)
            runs, about_modes = _modes(params)
            if name in seen:
                about.append("has a namesake; both examine a request")
            seen.add(name)
            warnings += [f"guardrail {name!r}: {sentence}" for sentence in (*about, *about_modes)]
            if runs:
                guards.append((_Guard(name, _mode_shown(params), content_filter), params.default_on))
        return cls(guards, warnings)

    def names_for(self, requested: Sequence[str], of_key: Sequence[str]) -> tuple[str, ...]:
        """Return who examines a request, in the configuration's order. Names nobody has are ignored."""
        if not requested and not of_key:
            return self._always
        wanted = {*self._always, *requested, *of_key}
        return tuple(name for name in self._guards if name in wanted)

    def check_request(self, body: bytes, names: Sequence[str], content_type: str = "") -> Passed | Blocked:
        """Have the guardrails `names`, as `names_for` gave them, examine `body`: a JSON object, or a form of a type.

        A changed body differs from the original in the fields with masked text alone; the others keep their bytes.
        """
        guards = [guard for name in names for guard in self._guards[name]]
        if not guards:
            return Passed(None, ())
        if content_type:
            return _check_form(body, content_type, guards, tuple(names))
        try:
            fields = _fields_decoder.decode(body)
            holders = {name: {name: orjson.loads(memoryview(fields[name]))} for name in TEXT_FIELDS if name in fields}
        except (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError) as error:
            sentence = f"Content blocked: the request cannot be examined, its JSON is not well-formed: {error}"
            return _blocked(guards[0], {"error": sentence})
        changed = False
        for name, holder in holders.items():
            masked = False
            if name in TOKEN_FIELDS and has_tokens(holder[name]):
                sentence = f"Content blocked: {name} holds token ids, which cannot be examined; send the text itself"
                return _blocked(guards[0], {"error": sentence})
            for text in texts_of(holder, name):
                refusal = _examine(text, guards)
                if refusal is not None:
                    return refusal
                masked |= text.replaced
            if masked:
                without_broken(holder[name])
                fields[name] = msgspec.Raw(orjson.dumps(holder[name]))
                changed = True
        return Passed(msgspec.json.encode(fields) if changed else None, tuple(names))


def _check_form(body: bytes, content_type: str, guards: Sequence[_Guard], names: tuple[str, ...]) -> Passed | Blocked:
    """Every plain field is text. A form in which something is masked keeps its boundary: its type still holds."""
    try:
        fields = read_form(body, content_type)
    except BadForm as error:
        return _blocked(guards[0], {"error": f"Content blocked: the form cannot be examined: {error}"})
    out: list[Field] = []
    for field in fields:
        if field.filename is None:
            holder = {field.name: field.value.decode()}
            refusal = _examine(text := Text(holder[field.name], False, holder, field.name), guards)
            if refusal is not None:
                return refusal
            if text.replaced:
                field = field._replace(value=holder[field.name].encode())
        out.append(field)
    return Passed(None if tuple(out) == fields else write_form(out, content_type)[0], names)


def _examine(text: Text, guards: Sequence[_Guard]) -> Blocked | None:
    value = text.value
    for guard in guards:
        seen = guard.filter.examine(value)
        if isinstance(seen, Refusal):
            return _blocked(guard, seen.fields)
        if seen == value:
            continue
        if text.fixed:
            sentence = "Content blocked: tool call argument matched a masking rule on a non-rewritable field"
            return _blocked(guard, {"error": sentence})
        value = seen
    if value != text.value:
        text.replace(value)
    return None


def _blocked(guard: _Guard, fields: Any) -> Blocked:
    """Return LiteLLM's answer: its sentence, type and fields."""
    details = {**fields, "guardrail_name": guard.name, "guardrail_mode": guard.mode}
    error = BlockedByGuardrail(
        details["error"], type="invalid_request_error", fields={"provider_specific_fields": details}
    )
    return Blocked(guard.name, error)


def _modes(params: GuardrailParams) -> tuple[bool, list[str]]:
    """Return whether the guardrail examines requests, and what to say about its modes."""
    if isinstance(params.mode, TaggedModes):
        modes = {*params.mode.default, *(mode for modes in params.mode.tags.values() for mode in modes)}
        about = ["mode by tag has no effect yet: it examines every request it runs for, whatever its tags"]
    else:
        modes, about = set(params.mode), []
    without_effect = sorted(modes - {_MODE})
    if without_effect:
        about.append(f"mode {', '.join(without_effect)} has no effect yet, only {_MODE} has")
    if _MODE not in modes:
        about.append(f"it never runs; set mode: {_MODE}")
    return _MODE in modes, about


def _mode_shown(params: GuardrailParams) -> Any:
    """LiteLLM tells clients the mode as the configuration spells it."""
    if isinstance(params.mode, TaggedModes):
        return params.mode.model_dump(mode="json")
    return params.mode[0] if len(params.mode) == 1 else list(params.mode)
