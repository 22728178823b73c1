from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.openai.body import MAX_TOKENS_FIELDS, OURS, max_tokens_fields, outgoing_body
from tests.router_calls import deployment, provider_call

MESSAGES = [{"role": "user", "content": "hello"}]
OLD_ONLY = MAX_TOKENS_FIELDS[:1]
SENT = deployment(model="sent")


def sent(body: dict[str, Any] | None = None, *, call: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    given = {"model": "asked", "messages": MESSAGES, **(body or {})}
    settings = {name: options.pop(name) for name in ("defaults", "extra_body", "drop_always") if name in options}
    to = deployment(model="sent", **settings)
    decoded: dict[str, Any] = orjson.loads(outgoing_body(provider_call(given, **(call or {})), to, **options))
    return decoded


def test_the_model_is_the_deployments() -> None:
    assert sent() == {"model": "sent", "messages": MESSAGES}


def test_what_nobody_knows_passes_through_byte_for_byte() -> None:
    odd = b'{"a" : 1.10, "b":[ 1e2 ,"\\u00e9\\/" ],"c":12345678901234567890123 }'
    body = b'{"model":"asked","messages": [ {"role":"user","content":"\\ud83d\\ude00 x"} ],"odd": ' + odd + b"}"
    out = outgoing_body(provider_call(body), SENT)
    assert odd in out
    assert b'[ {"role":"user","content":"\\ud83d\\ude00 x"} ]' in out


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TOUCHED = {*OURS, *MAX_TOKENS_FIELDS, "model", "stream_options"}


@given(st.dictionaries(st.text(max_size=12).filter(lambda name: name not in TOUCHED), json_values, max_size=6))
def test_every_other_field_arrives_as_it_was(fields: dict[str, Any]) -> None:
    body = {"model": "asked", **fields}
    assert orjson.loads(outgoing_body(provider_call(body), SENT)) == {**body, "model": "sent"}


def test_what_speaks_to_the_gateway_stays_here() -> None:
    assert sent({"metadata": {"a": 1}, "tags": ["x"], "num_retries": 3, "guardrails": [], "user": "u"}) == {
        "model": "sent",
        "messages": MESSAGES,
        "user": "u",
    }


def test_defaults_fill_in_what_the_client_left_out_and_no_more() -> None:
    out = sent({"temperature": 0.1}, defaults={"temperature": 0.9, "top_p": 0.5, "stop": ("a",)})
    assert (out["temperature"], out["top_p"], out["stop"]) == (0.1, 0.5, ["a"])


def test_extra_fields_are_added_and_unwanted_ones_dropped() -> None:
    out = sent(
        {"temperature": 0.1, "seed": 1}, extra_body={"seed": 2, "new": True}, drop_always=("temperature", "absent")
    )
    assert out == {"model": "sent", "messages": MESSAGES, "seed": 2, "new": True}


# the maximum


def test_the_clients_maximum_keeps_its_name_where_the_provider_knows_it() -> None:
    for name in MAX_TOKENS_FIELDS:
        assert sent({name: 7}, call={"max_tokens_field": name})[name] == 7


def test_the_clients_maximum_is_renamed_where_only_the_old_name_is_known() -> None:
    call = {"max_tokens_field": "max_completion_tokens"}
    out = sent({"max_completion_tokens": 7}, call=call, max_tokens_fields=OLD_ONLY)
    assert out["max_tokens"] == 7
    assert "max_completion_tokens" not in out


def test_a_null_in_the_unknown_field_is_left_out() -> None:
    out = sent({"max_completion_tokens": None, "max_tokens": None}, max_tokens_fields=OLD_ONLY)
    assert out == {"model": "sent", "messages": MESSAGES, "max_tokens": None}


@pytest.mark.parametrize(
    ("used", "known", "name"),
    [
        ("", MAX_TOKENS_FIELDS, "max_tokens"),
        ("", MAX_TOKENS_FIELDS[::-1], "max_completion_tokens"),
        ("max_completion_tokens", MAX_TOKENS_FIELDS, "max_completion_tokens"),
        ("max_completion_tokens", OLD_ONLY, "max_tokens"),
        ("max_tokens", MAX_TOKENS_FIELDS[::-1], "max_tokens"),
    ],
)
def test_the_admitted_maximum_stands_under_one_name_alone(used: str, known: tuple[str, ...], name: str) -> None:
    body = {used: 500} if used else {}
    out = sent(body, call={"max_tokens": 99, "max_tokens_field": used}, max_tokens_fields=known)
    assert {field: out[field] for field in MAX_TOKENS_FIELDS if field in out} == {name: 99}


def test_a_deployments_maximum_holds_where_it_is_less_than_the_admitted_one() -> None:
    assert sent(call={"max_tokens": 99}, defaults={"max_tokens": 10})["max_tokens"] == 10
    assert sent(call={"max_tokens": 99}, defaults={"max_tokens": 1_000})["max_tokens"] == 99


def test_a_deployments_maximum_gives_way_to_the_clients_under_the_other_name() -> None:
    call = {"max_tokens_field": "max_completion_tokens"}
    out = sent({"max_completion_tokens": 7}, call=call, defaults={"max_tokens": 10})
    assert out == {"model": "sent", "messages": MESSAGES, "max_completion_tokens": 7}


def test_a_deployments_maximum_is_renamed_too() -> None:
    out = sent(defaults={"max_completion_tokens": 10}, max_tokens_fields=OLD_ONLY)
    assert out == {"model": "sent", "messages": MESSAGES, "max_tokens": 10}


@pytest.mark.parametrize(
    ("model", "first"),
    [
        ("o3-mini", "max_completion_tokens"),
        ("gpt-5-mini", "max_completion_tokens"),
        ("openai/o1", "max_completion_tokens"),
        ("gpt-4o", "max_tokens"),
        ("llama-3-o1", "max_tokens"),
        ("olmo", "max_tokens"),
    ],
)
def test_reasoning_models_are_given_the_new_name(model: str, first: str) -> None:
    assert max_tokens_fields(model)[0] == first


# usage of streams


def test_a_streams_usage_is_asked_for_and_other_options_stay() -> None:
    out = sent({"stream": True, "stream_options": {"include_obfuscation": False}}, call={"stream": True})
    assert out["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert sent({"stream": True, "stream_options": None}, call={"stream": True})["stream_options"] == {
        "include_usage": True
    }
    assert sent({"stream": True}, call={"stream": True})["stream_options"] == {"include_usage": True}


def test_a_client_that_asks_for_usage_itself_is_left_alone() -> None:
    options = {"include_usage": True, "x": 1}
    out = sent({"stream": True, "stream_options": options}, call={"stream": True, "include_usage": True})
    assert out["stream_options"] == options


def test_an_answer_that_is_no_stream_gets_no_stream_options() -> None:
    assert "stream_options" not in sent(defaults={"stream_options": {"include_usage": True}})


def test_stream_options_are_left_out_where_the_provider_or_the_operator_refuses_them() -> None:
    call = {"stream": True, "include_usage": True}
    body = {"stream": True, "stream_options": {"include_usage": True}}
    assert "stream_options" not in sent(body, call=call, stream_usage=False)
    assert "stream_options" not in sent({"stream": True}, call={"stream": True}, drop_always=("stream_options",))


# developer messages


def test_developer_messages_become_system_messages_and_the_rest_stays_byte_for_byte() -> None:
    messages = (
        b'[{"role":"developer","content":"be \\u00e9 1.0"},{"role":"user","content":"\\"developer\\""}, {"x":1.50}]'
    )
    body = b'{"model":"asked","messages":' + messages + b',"n":1.0}'
    out = outgoing_body(provider_call(body), SENT, developer_role=False)
    assert b'{"role":"system","content":"be \\u00e9 1.0"}' in out
    assert b'{"role":"user","content":"\\"developer\\""}' in out
    assert b'{"x":1.50}' in out
    assert b'"n":1.0' in out
    assert b'"role":"developer"' in outgoing_body(provider_call(body), SENT)


def test_messages_that_are_none_are_the_providers_to_refuse() -> None:
    body = b'{"model":"asked","messages":["developer"]}'
    assert b'"messages":["developer"]' in outgoing_body(provider_call(body), SENT, developer_role=False)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}"])
def test_a_body_that_is_no_object_is_the_clients_mistake(body: bytes) -> None:
    with pytest.raises(InvalidField, match="request_body"):
        outgoing_body(provider_call(body), SENT)


REFUSED = frozenset({"logprobs", "logit_bias", "top_logprobs"})


def test_a_parameter_that_the_provider_refuses_is_told_with_the_remedy() -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        sent({"logprobs": True, "top_logprobs": 2}, unsupported=REFUSED, provider="groq")
    assert caught.value.names == ("logprobs", "top_logprobs")
    assert "groq" in caught.value.message
    assert "drop_params" in caught.value.message


def test_such_a_parameter_is_left_out_where_it_may_be_dropped_or_asks_for_nothing() -> None:
    dropped = sent({"logprobs": True, "seed": 1}, call={"drop_params": True}, unsupported=REFUSED)
    assert dropped == {"model": "sent", "messages": MESSAGES, "seed": 1}
    nothing = {"logprobs": False, "top_logprobs": 0, "logit_bias": {}}
    assert sent(nothing, unsupported=REFUSED) == {"model": "sent", "messages": MESSAGES}
    assert sent({"logit_bias": None}, unsupported=REFUSED) == {"model": "sent", "messages": MESSAGES}


@pytest.mark.parametrize("name", ["api_key", "api_base", "base_url"])
def test_credentials_in_a_body_are_refused(name: str) -> None:
    with pytest.raises(InvalidField) as caught:
        sent({name: "x"})
    assert caught.value.param == name
