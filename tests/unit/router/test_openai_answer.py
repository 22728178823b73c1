import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.openai import OpenAIAnswer
from services.router.providers.openai import answer as answer_module
from shared.usage import Usage

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 12},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
COUNTED = Usage(input=8, cached_input=12, output=5, reasoning=4)
DONE = b"data: [DONE]\n\n"
NASTY = 'a "usage": {"x":1} "error" "finish_reason":"stop" [DONE] "model":"gpt-up" data: \n\n é 😀 \\ "'


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-up",
        "choices": choices,
    } | (fields)


def event(data: dict[str, Any], *, spaces: bool = False) -> bytes:
    if spaces:
        return b"data: " + json.dumps(data).encode() + b"\n\n"
    return b"data: " + orjson.dumps(data) + b"\n\n"


def read(*parts: bytes, include_usage: bool = False, model: str = "m") -> tuple[bytes, OpenAIAnswer]:
    answer = OpenAIAnswer(model, include_usage=include_usage)
    out = b"".join(answer.feed(part) for part in parts)
    return out + answer.end(), answer


def chunks_of(out: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line[5:]) for line in out.split(b"\n") if line.startswith(b"data:")]


ROLE = event(chunk({"role": "assistant", "content": ""}))
TEXT = event(chunk({"content": NASTY}))
END = event(chunk({}, "stop"))
TOLD = event(chunk(None, usage=USAGE))
STREAM = ROLE + TEXT + END + TOLD + DONE


# streams


def test_a_stream_passes_with_the_name_asked_for_and_without_what_only_we_asked_for() -> None:
    out, answer = read(STREAM)
    assert out == (ROLE + TEXT + END).replace(b'"model":"gpt-up"', b'"model":"m"')
    assert answer.usage == COUNTED
    assert (answer.response_id, answer.finish_reason, answer.done) == ("chatcmpl-1", "stop", True)


def test_text_that_looks_like_fields_comes_through_untouched() -> None:
    out, _ = read(STREAM)
    assert chunks_of(out)[1]["choices"][0]["delta"]["content"] == NASTY


def test_the_usage_chunk_is_for_clients_that_asked_for_it() -> None:
    out, _ = read(STREAM, include_usage=True)
    assert chunks_of(out)[-1]["usage"] == USAGE
    assert not out.endswith(DONE), "the router writes it, when the fact is stored"


def test_usage_in_the_last_content_chunk_stays_there_and_is_noted() -> None:
    last = event(chunk({"content": "!"}, "stop", usage=USAGE))
    out, answer = read(ROLE + last + DONE)
    assert chunks_of(out)[-1]["usage"] == USAGE
    assert answer.usage == COUNTED


def test_of_usages_that_grow_the_last_one_counts() -> None:
    growing = [event(chunk({"content": "x"}, usage={"prompt_tokens": 5, "completion_tokens": n})) for n in (1, 2, 3)]
    _, answer = read(*growing, END, DONE)
    assert answer.usage == Usage(input=5, output=3)


@pytest.mark.parametrize("spaces", [False, True])
def test_a_usage_of_null_in_every_chunk_is_no_usage(spaces: bool) -> None:
    parts = [event(chunk({"content": str(n)}, usage=None), spaces=spaces) for n in range(4)]
    end = event(chunk({}, "stop", usage=None), spaces=spaces)
    out, answer = read(b"".join(parts) + end + event(chunk(None, usage=USAGE), spaces=spaces) + DONE)
    assert len(chunks_of(out)) == 5
    assert answer.usage == COUNTED
    _, without = read(b"".join(parts) + end + DONE)
    assert without.usage is None
    assert without.text_so_far() == "0123"


def test_chunks_without_usage_are_not_decoded() -> None:
    """All but the first pass by a look at their bytes: that is what makes a long stream cheap."""
    broken_json = b'data: {"model":"gpt-up", nonsense}\n\n'
    out, _ = read(ROLE, broken_json, END, DONE)
    assert b'{"model":"m", nonsense}' in out
    nulls = b'data: {"usage":null,"x":1, nonsense}\n\ndata: {"usage" : null, nonsense}\n\n'
    assert nulls in read(ROLE, nulls, END, DONE)[0]


@pytest.mark.parametrize("model", ["gpt-up", "m", 'ü"\\/é'])
def test_the_model_is_restamped_however_it_is_written(model: str) -> None:
    for options in ({}, {"ensure_ascii": False, "separators": (",", ":")}, {"separators": (" , ", " :  ")}):
        parts = [
            b"data: " + json.dumps(chunk({"content": str(n)}, model=model), **options).encode() + b"\n\n"
            for n in range(3)
        ]
        out, _ = read(*parts, END.replace(b"gpt-up", b"m"), DONE, model="asked/é")
        shown = [found["model"] for found in chunks_of(out)[:3]]
        assert shown == ["asked/é"] * 3


def test_azures_first_chunk_without_id_and_model_does_not_hide_the_real_ones() -> None:
    filtered = event({"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": []})
    for parts in ([filtered, ROLE, TEXT, END, DONE], [filtered + ROLE + TEXT + END + DONE]):
        out, answer = read(*parts)
        assert [found["model"] for found in chunks_of(out)] == ["m"] * 4
        assert answer.response_id == "chatcmpl-1"


def test_a_nested_field_of_the_same_name_is_not_taken_for_the_model() -> None:
    nested = {"x": {"model": "other"}, **chunk({"content": "a"})}
    out, _ = read(event(nested), END, DONE)
    first = chunks_of(out)[0]
    assert (first["model"], first["x"]) == ("m", {"model": "other"})


def test_comments_before_the_first_event_are_dropped_and_later_ones_pass() -> None:
    """Nothing may leave before the answer has begun: it could not be tried elsewhere any more."""
    answer = OpenAIAnswer("m", include_usage=False)
    assert answer.feed(b": PROCESSING\n\n") == b""
    assert answer.feed(b": PROCESSING\n\n" + ROLE) != b""
    assert answer.feed(b": PROCESSING\n\n") == b": PROCESSING\n\n"


def test_events_with_more_fields_than_data_are_read_too() -> None:
    named = [b"event: message\nid: 1\n" + part for part in (ROLE, TEXT, END, TOLD)] + [b"event: end\n" + DONE]
    out, answer = read(*named)
    assert answer.usage == COUNTED
    assert answer.done
    assert b"[DONE]" not in out.split(b"\n")[-3:]
    assert len(chunks_of(out)) == 3


STREAMS = {
    "plain": STREAM,
    "usage asked for": STREAM,
    "returns": STREAM.replace(b"\n", b"\r\n"),
    "returns alone": STREAM.replace(b"\n", b"\r"),
    "comments": b": wait\n\n" + ROLE + b": wait\n\n" + TEXT + END + TOLD + b": bye\n\n" + DONE,
    "spaces": b"".join(event(chunk({"content": t}), spaces=True) for t in ("a", NASTY)) + END + TOLD + DONE,
    "no last empty line": STREAM.removesuffix(b"\n\n"),
    "no [DONE]": ROLE + TEXT + END + TOLD,
    "usage inside": ROLE + event(chunk({"content": NASTY}, "stop", usage=USAGE)) + DONE,
    "null usage": event(chunk({"content": "a"}, usage=None)) + event(chunk({}, "stop", usage=None)) + TOLD + DONE,
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_anywhere_comes_out_the_same(name: str) -> None:
    stream = STREAMS[name]
    asked = name == "usage asked for"
    whole, answer = read(stream, include_usage=asked)
    assert answer.usage == COUNTED
    for cut in range(1, len(stream)):
        out, other = read(stream[:cut], stream[cut:], include_usage=asked)
        assert out == whole, cut
        assert (other.usage, other.finish_reason, other.response_id) == (COUNTED, "stop", "chatcmpl-1")
    assert read(*[bytes([byte]) for byte in stream], include_usage=asked)[0] == whole


@settings(max_examples=60)
@given(st.lists(st.text(max_size=30), max_size=8), st.lists(st.integers(1, 400), max_size=8), st.booleans())
def test_any_text_survives_any_cut(texts: list[str], cuts: list[int], asked: bool) -> None:
    stream = b"".join(event(chunk({"content": text})) for text in ["", *texts]) + END + TOLD + DONE
    parts, position = [], 0
    for cut in cuts:
        parts.append(stream[position : position + cut])
        position += cut
    out, answer = read(*parts, stream[position:], include_usage=asked)
    assert [found["choices"][0]["delta"].get("content") for found in chunks_of(out)[: len(texts) + 1]] == ["", *texts]
    assert answer.text_so_far() == "".join(texts)
    assert answer.usage == COUNTED


# streams that go wrong


def test_a_stream_without_its_end_is_broken_and_what_came_is_kept() -> None:
    answer = OpenAIAnswer("m", include_usage=False)
    answer.feed(ROLE + event(chunk({"content": "half"})))
    with pytest.raises(UnreadableAnswer, match="ended before its end"):
        answer.end()
    assert answer.text_so_far() == "half"


def test_a_stream_cut_within_an_event_is_broken() -> None:
    answer = OpenAIAnswer("m", include_usage=False)
    answer.feed(ROLE + event(chunk({"content": "half"}))[:-20])
    with pytest.raises(UnreadableAnswer):
        answer.end()


def test_a_finish_reason_is_an_end_without_done() -> None:
    out, answer = read(ROLE, END)
    assert answer.finish_reason == "stop"
    assert not answer.done
    assert len(chunks_of(out)) == 2


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"message": "too many", "type": "rate_limit_error"}, "rate_limit_error", 429),
        ({"message": "no", "type": "server_error", "code": None}, "server_error", 502),
        ({"message": "no", "code": 529}, "error", 529),
        ({"message": "long", "type": "x", "code": "context_length_exceeded"}, "context_length_exceeded", 400),
        ("plain words", "error", 502),
    ],
)  # fmt: skip
def test_an_error_in_mid_stream_is_raised_after_what_came_before(error: Any, kind: str, status: int) -> None:
    for parts in ([ROLE + TEXT, event({"error": error})], [ROLE, TEXT + event({"error": error})]):
        answer = OpenAIAnswer("m", include_usage=False)
        out = answer.feed(parts[0])
        with pytest.raises(ProviderStreamError) as caught:
            answer.feed(parts[1])
        assert (caught.value.type, caught.value.status) == (kind, status)
        assert out + caught.value.before == (ROLE + TEXT).replace(b"gpt-up", b"m").replace(
            orjson.dumps(NASTY).replace(b"gpt-up", b"m"), orjson.dumps(NASTY)
        )


def test_an_event_named_error_is_an_error_whatever_it_holds() -> None:
    answer = OpenAIAnswer("m", include_usage=False)
    answer.feed(ROLE)
    with pytest.raises(ProviderStreamError, match="gone"):
        answer.feed(b'event: error\ndata: {"message":"gone"}\n\n')


def test_an_error_of_null_is_none() -> None:
    out, _ = read(event(chunk({"content": "x"}, error=None)), END, DONE)
    assert len(chunks_of(out)) == 2


def test_an_error_in_place_of_a_stream_is_told() -> None:
    answer = OpenAIAnswer("m", include_usage=False)
    assert answer.feed(b'{"error":{"message":"no credit","code":402}}') == b""
    with pytest.raises(ProviderStreamError, match="no credit") as caught:
        answer.end()
    assert caught.value.status == 402


@pytest.mark.parametrize(
    "body", [b'{"id":"x","choices":[]}', b"<html>busy</html>", b"data: <html>\n\n", b"data: [1]\n\n"]
)
def test_what_is_no_stream_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read(body)


def test_an_empty_stream_is_broken() -> None:
    with pytest.raises(UnreadableAnswer):
        read(b"")


def test_a_long_streams_bytes_are_reduced_to_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_module, "KEPT_BYTES_MAX", 2_000)
    answer = OpenAIAnswer("m", include_usage=False)
    for number in range(1_000):
        answer.feed(event(chunk({"content": f"{number} "})))
    assert sum(map(len, answer._kept)) < 3_000
    assert answer.text_so_far() == "".join(f"{number} " for number in range(1_000))


def test_the_text_counts_thoughts_refusals_and_calls() -> None:
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a"'}}]}
    more = {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}
    parts = [chunk({"reasoning_content": "hm "}), chunk({"content": "yes "}), chunk({"refusal": "no "}), chunk(call)]
    _, answer = read(*[event(part) for part in parts], event(chunk(more, "tool_calls")), DONE)
    assert answer.text_so_far() == 'hm yes no f{"a":1}'
    assert answer.finish_reason == "tool_calls"


# whole answers


def completion(**fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": NASTY}
    return {
        "id": "chatcmpl-2",
        "object": "chat.completion",
        "model": "gpt-up",
        "choices": [{"index": 0, "message": message, "finish_reason": "length"}],
        "usage": USAGE,
        "odd": 1.10,
        **fields,
    }


def test_a_whole_answer_keeps_its_bytes_but_for_the_model() -> None:
    choices = b'[ {"finish_reason":"stop", "message": {"content":"x"}} ]'
    body = b'{ "id": "a","model" : "gpt-up", "choices":' + choices + b',"odd": 1.10}'
    whole = OpenAIAnswer("m", include_usage=False).whole(body)
    assert (
        whole.body
        == b'{"id":"a","model":"m","choices":[ {"finish_reason":"stop", "message": {"content":"x"}} ],"odd":1.10}'
    )
    assert whole.usage is None
    same = body.replace(b"gpt-up", b"m")
    assert OpenAIAnswer("m", include_usage=False).whole(same).body is same


def test_a_whole_answer_tells_usage_id_and_end() -> None:
    answer = OpenAIAnswer("m", include_usage=False)
    whole = answer.whole(orjson.dumps(completion()))
    assert (whole.usage, whole.response_id, whole.finish_reason) == (COUNTED, "chatcmpl-2", "length")
    assert answer.text_so_far() == NASTY
    assert orjson.loads(whole.body) == completion(model="m")


def test_a_whole_answer_without_usage_has_none() -> None:
    for body in (completion(usage=None), {name: value for name, value in completion().items() if name != "usage"}):
        assert OpenAIAnswer("m", include_usage=False).whole(orjson.dumps(body)).usage is None


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b"{}", b'{"choices"', b'{"object":"list"}', b"<html>", b'{"choices":1,"id":"\xff"}'],
)
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        OpenAIAnswer("m", include_usage=False).whole(body)


def test_an_error_with_status_200_is_told_in_the_providers_words() -> None:
    with pytest.raises(ProviderStreamError, match="upstream is down") as caught:
        OpenAIAnswer("m", include_usage=False).whole(b'{"error":{"message":"upstream is down","code":503}}')
    assert caught.value.status == 503


@given(st.binary(max_size=200))
def test_no_bytes_break_more_than_the_answer(data: bytes) -> None:
    for stream in (data, b"data: " + data + b"\n\n", ROLE + b"data: " + data + b"\n\n" + DONE):
        answer = OpenAIAnswer("m", include_usage=False)
        try:
            answer.feed(stream)
            answer.end()
        except BrokenAnswer:
            pass
        assert isinstance(answer.text_so_far(), str)
    with pytest.raises(BrokenAnswer):
        OpenAIAnswer("m", include_usage=False).whole(data)


@pytest.mark.parametrize(("said", "tier"), [("priority", "priority"), ("default", ""), (None, "")])
def test_the_service_tier_of_an_answer_is_that_of_its_usage(said: str | None, tier: str) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    whole = OpenAIAnswer("m", include_usage=False)
    whole.whole(orjson.dumps({"choices": [], "usage": usage, "service_tier": said}))
    assert whole.usage == Usage(input=1, output=2, tier=tier)
    streamed = OpenAIAnswer("m", include_usage=False)
    chunk = {"choices": [], "usage": usage, "service_tier": said}
    streamed.feed(b"data: " + orjson.dumps(chunk) + b"\n\n")
    assert streamed.usage == Usage(input=1, output=2, tier=tier)


@pytest.mark.parametrize("spaces", [False, True])
def test_thoughts_under_another_name_are_renamed_and_texts_that_look_so_are_not(spaces: bool) -> None:
    looks_so = 'said {"reasoning":"x"} and "reasoning": "y"'
    thought = {"role": "assistant", "content": looks_so, "reasoning": 'a "reasoning":"thought"'}
    renamed = answer_module.THOUGHTS_RENAMED
    reader = OpenAIAnswer("m", include_usage=False, renamed=renamed)
    out = (
        reader.feed(event(chunk(thought), spaces=spaces)) + reader.feed(event(chunk({}, "stop")) + DONE) + reader.end()
    )
    delta = orjson.loads(out.split(b"\n\n")[0][6:])["choices"][0]["delta"]
    assert delta["reasoning_content"] == thought["reasoning"]
    assert delta["content"] == looks_so
    assert "reasoning" not in delta
    assert thought["reasoning"] in reader.text_so_far()
    choice = {"index": 0, "message": thought, "finish_reason": "stop"}
    body = {"id": "1", "model": "gpt-up", "choices": [choice]}
    written = json.dumps(body).encode() if spaces else orjson.dumps(body)
    whole = OpenAIAnswer("m", include_usage=False, renamed=renamed).whole(written)
    message = orjson.loads(whole.body)["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == (thought["reasoning"], looks_so)
