"""The chain: who examines a request, what the client is told, and what of the body changes."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.guardrails import Blocked, Chain, GuardrailConfigError, Passed
from shared.config.reading.failure import ConfigError
from shared.config.sections.guardrails import Guardrail
from shared.errors import BlockedByGuardrail, GatewayError
from shared.payloads.forms import Field, read_form, write_form

EMAIL = {"pattern_type": "prebuilt", "pattern_name": "email", "action": "MASK"}
CARD = {"pattern_type": "prebuilt", "pattern_name": "credit_card", "action": "BLOCK"}
ZEUS = {"keyword": "Zeus", "action": "BLOCK", "description": "the merger"}


def entry(name: str, **params: Any) -> Guardrail:
    return Guardrail.model_validate(
        {"guardrail_name": name, "litellm_params": {"guardrail": "litellm_content_filter", **params}}
    )


def chain(*entries: Guardrail) -> Chain:
    return Chain.build(entries, base_dir=Path("nowhere"))


def body(content: Any, **more: Any) -> bytes:
    return orjson.dumps({"model": "gpt-4", "messages": [{"role": "user", "content": content}], **more})


BOTH = chain(entry("mask", patterns=[EMAIL]), entry("block", patterns=[CARD], blocked_words=[ZEUS]))


@pytest.mark.parametrize(
    ("requested", "of_key", "expected"),
    [
        ((), (), ("always",)),
        (("extra",), (), ("always", "extra")),
        ((), ("extra",), ("always", "extra")),
        (("extra", "always"), ("first", "extra"), ("first", "always", "extra")),
        (("unknown",), ("nobody",), ("always",)),
        (("answers",), (), ("always",)),
    ],
)
def test_default_requested_and_the_keys_guardrails_run_in_the_order_of_the_configuration(
    requested: tuple[str, ...], of_key: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    built = chain(
        entry("first", blocked_words=[ZEUS]),
        entry("always", blocked_words=[ZEUS], default_on=True),
        entry("extra", blocked_words=[ZEUS], mode=["pre_call", "post_call"]),
        entry("answers", blocked_words=[ZEUS], mode="post_call", default_on=True),
    )
    assert built.names_for(requested, of_key) == expected


def test_without_guardrails_nothing_runs() -> None:
    built = chain()
    assert built.names_for(("any",), ()) == ()
    assert built.check_request(b"not even json", ()) == Passed(None, ())
    assert built.warnings == ()


def test_a_blocked_word_is_answered_in_litellms_shape() -> None:
    verdict = BOTH.check_request(body("about zeus"), ("mask", "block"))
    assert isinstance(verdict, Blocked)
    assert verdict.guardrail == "block"
    assert isinstance(verdict.error, BlockedByGuardrail)
    sentence = "Content blocked: keyword 'zeus' detected (the merger)"
    assert verdict.error.to_dict() == {
        "status": 400,
        "type": "invalid_request_error",
        "message": sentence,
        "param": None,
        "retry_after_s": None,
        "fields": {
            "provider_specific_fields": {
                "error": sentence,
                "keyword": "zeus",
                "description": "the merger",
                "guardrail_name": "block",
                "guardrail_mode": "pre_call",
            }
        },
    }
    assert GatewayError.from_dict(verdict.error.to_dict()).message == sentence


def test_a_blocked_pattern_is_answered_without_what_it_found() -> None:
    verdict = BOTH.check_request(body("card 4111 1111 1111 1111"), ("block",))
    assert isinstance(verdict, Blocked)
    assert verdict.error.fields == {
        "provider_specific_fields": {
            "error": "Content blocked: credit_card pattern detected",
            "pattern": "credit_card",
            "guardrail_name": "block",
            "guardrail_mode": "pre_call",
        }
    }
    assert "4111" not in repr(verdict.error.to_dict())


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        ("pre_call", "pre_call"),
        (["pre_call"], "pre_call"),
        (["pre_call", "post_call"], ["pre_call", "post_call"]),
        ({"tags": {"pii": "pre_call"}, "default": "logging_only"},
         {"tags": {"pii": ["pre_call"]}, "default": ["logging_only"]}),
    ],
)  # fmt: skip
def test_the_mode_is_told_as_it_is_configured(mode: Any, shown: Any) -> None:
    verdict = chain(entry("g", blocked_words=[ZEUS], mode=mode)).check_request(body("zeus"), ("g",))
    assert isinstance(verdict, Blocked)
    fields = verdict.error.fields or {}
    assert fields["provider_specific_fields"]["guardrail_mode"] == shown
    assert orjson.dumps(fields)


def test_what_passes_untouched_has_no_new_body() -> None:
    assert BOTH.check_request(body("hello"), ("mask", "block")) == Passed(None, ("mask", "block"))


def test_only_those_named_examine() -> None:
    assert BOTH.check_request(body("a@b.com"), ("block",)) == Passed(None, ("block",))
    assert BOTH.check_request(body("zeus"), ("mask",)) == Passed(None, ("mask",))


def test_masking_keeps_every_other_field_byte_for_byte() -> None:
    other = (
        b'{"temperature":0.10,"seed":123456789012345678901234567890,"tools":[ {"a" : 1.0e2} ],"messages":%s,"x":null}'
    )
    verdict = BOTH.check_request(other % b'[{"role":"user","content":"to a@b.com"}]', ("mask",))
    assert verdict == Passed(other % b'[{"role":"user","content":"to [EMAIL_REDACTED]"}]', ("mask",))


def test_every_part_of_a_split_content_is_examined() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "first"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,a@b.com"}},
        {"type": "text", "text": "then c@d.org", "cache_control": {"type": "ephemeral"}},
    ]
    verdict = BOTH.check_request(body(parts), ("mask", "block"))
    assert isinstance(verdict, Passed)
    assert verdict.body is not None
    masked = [parts[0], parts[1], {**parts[2], "text": "then [EMAIL_REDACTED]"}]
    assert orjson.loads(verdict.body) == orjson.loads(body(masked))


def test_the_second_guardrail_sees_what_the_first_has_masked() -> None:
    built = chain(
        entry("mask", patterns=[EMAIL]), entry("block", blocked_words=[{"keyword": "example", "action": "BLOCK"}])
    )
    assert isinstance(built.check_request(body("a@example.com"), ("mask", "block")), Passed)
    assert isinstance(built.check_request(body("a@example.com"), ("block",)), Blocked)


def test_arguments_and_results_of_tools_are_examined() -> None:
    call = {"type": "function", "function": {"name": "mail", "arguments": '{"to": "a@b.com", "n": 3}'}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "sent to a@b.com"},
    ]
    verdict = BOTH.check_request(orjson.dumps({"messages": messages}), ("mask",))
    assert isinstance(verdict, Passed)
    assert verdict.body is not None
    seen = orjson.loads(verdict.body)["messages"]
    assert orjson.loads(seen[0]["tool_calls"][0]["function"]["arguments"]) == {"to": "[EMAIL_REDACTED]", "n": 3}
    assert seen[1]["content"] == "sent to [EMAIL_REDACTED]"


@pytest.mark.parametrize("arguments", ['{"a@b.com": 1}', '{"ssn": 12345}'])
def test_what_cannot_be_masked_inside_arguments_is_blocked(arguments: str) -> None:
    built = chain(
        entry("g", patterns=[EMAIL, {"pattern_type": "regex", "pattern": r"^\d{5}$", "name": "n", "action": "MASK"}])
    )
    call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
    verdict = built.check_request(orjson.dumps({"messages": [{"role": "assistant", "tool_calls": [call]}]}), ("g",))
    assert isinstance(verdict, Blocked)
    assert verdict.error.message.endswith("matched a masking rule on a non-rewritable field")


@pytest.mark.parametrize(
    "malformed",
    [b"", b"{", b"[1]", b'"x"', b'{"messages": [{"content": "\\ud800"}]}', b'{"messages": %s}' % (b"[" * 5000)],
)
def test_what_cannot_be_examined_does_not_pass(malformed: bytes) -> None:
    verdict = BOTH.check_request(malformed, ("mask", "block"))
    assert isinstance(verdict, Blocked)
    assert verdict.guardrail == "mask"
    assert verdict.error.message.startswith("Content blocked: the request cannot be examined")


def test_escapes_hide_nothing() -> None:
    verdict = BOTH.check_request(b'{"messages":[{"content":"\\u007aeus"}]}', ("block",))
    assert isinstance(verdict, Blocked)


def test_two_of_one_name_both_run_and_are_told_of() -> None:
    built = chain(entry("g", patterns=[EMAIL]), entry("g", blocked_words=[ZEUS], default_on=True))
    assert built.names_for((), ()) == ("g",)
    assert isinstance(built.check_request(body("zeus"), ("g",)), Blocked)
    assert isinstance(built.check_request(body("a@b.com"), ("g",)), Passed)
    assert built.check_request(body("a@b.com"), ("g",)).body is not None  # type: ignore[union-attr]
    assert built.warnings == ("guardrail 'g': has a namesake; both examine a request",)


@pytest.mark.parametrize(
    ("mode", "warnings"),
    [
        ("pre_call", []),
        (["pre_call", "post_call"], ["mode post_call has no effect yet, only pre_call has"]),
        ("during_call", ["mode during_call has no effect yet, only pre_call has", "it never runs; set mode: pre_call"]),
        (["logging_only", "during_call"],
         ["mode during_call, logging_only has no effect yet, only pre_call has", "it never runs; set mode: pre_call"]),
        ({"tags": {"a": "pre_call"}},
         ["mode by tag has no effect yet: it examines every request it runs for, whatever its tags"]),
    ],
)  # fmt: skip
def test_modes_without_effect_are_named(mode: Any, warnings: list[str]) -> None:
    built = chain(entry("g", blocked_words=[ZEUS], mode=mode))
    assert list(built.warnings) == [f"guardrail 'g': {warning}" for warning in warnings]


def test_a_type_there_is_not_is_refused_by_its_name() -> None:
    with pytest.raises(GuardrailConfigError) as caught:
        chain(entry("pii", patterns=[EMAIL]), entry("shield", guardrail="presidio"))
    assert isinstance(caught.value, ConfigError)
    assert str(caught.value) == (
        "guardrail 'shield': there is no guardrail 'presidio'; supported: litellm_content_filter. "
        "Take it out of guardrails: or replace it"
    )


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="@"), max_size=30), min_size=1
    ),
    st.sampled_from(["a@b.com", "john.doe@mail.example.org"]),
)
def test_masking_hides_every_address_and_changes_nothing_around_it(pieces: list[str], address: str) -> None:
    text = f" {address} ".join(pieces)
    verdict = BOTH.check_request(body(text, temperature=0.5), ("mask",))
    assert isinstance(verdict, Passed)
    seen = orjson.loads(verdict.body or body(text, temperature=0.5))
    assert seen["messages"][0]["content"] == " [EMAIL_REDACTED] ".join(pieces)
    assert seen["temperature"] == 0.5


@pytest.mark.parametrize("tokens", [[1, 2], [[1], [2]], ["text", [3]]])
@pytest.mark.parametrize("field", ["prompt", "input"])
def test_token_ids_are_blocked_because_nobody_can_read_them(field: str, tokens: list[Any]) -> None:
    verdict = BOTH.check_request(orjson.dumps({field: tokens}), ("mask", "block"))
    assert isinstance(verdict, Blocked)
    assert "token ids" in verdict.error.message
    assert isinstance(BOTH.check_request(orjson.dumps({"top_k": tokens}), ("mask", "block")), Passed)


def test_a_form_has_its_fields_examined_and_its_files_kept() -> None:
    sound = Field("file", b"Zeus a@b.com \xff", "Zeus.mp3", "audio/mpeg")
    body_of, content_type = write_form([Field("prompt", b"write to a@b.com"), sound])
    verdict = BOTH.check_request(body_of, ("mask", "block"), content_type)
    assert isinstance(verdict, Passed)
    assert verdict.body is not None
    assert read_form(verdict.body, content_type) == (Field("prompt", b"write to [EMAIL_REDACTED]"), sound)
    harmless, content_type = write_form([Field("prompt", b"hello"), sound])
    assert BOTH.check_request(harmless, ("mask", "block"), content_type) == Passed(None, ("mask", "block"))


def test_a_form_with_a_blocked_word_or_one_that_cannot_be_read_is_blocked() -> None:
    body_of, content_type = write_form([Field("prompt", b"Zeus")])
    assert isinstance(BOTH.check_request(body_of, ("block",), content_type), Blocked)
    verdict = BOTH.check_request(body_of[:-10], ("block",), content_type)
    assert isinstance(verdict, Blocked)
    assert "cannot be examined" in verdict.error.message
