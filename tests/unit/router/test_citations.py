"""What answers cite, from every provider to every dialect: nothing is lost that both sides can say."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.dialects.anthropic.response import to_message
from services.router.dialects.anthropic.stream import MessageOutlet
from services.router.dialects.gemini.stream import CandidatesOutlet
from services.router.dialects.responses.response import annotations_of
from services.router.dialects.responses.stream import ResponseOutlet
from services.router.providers.answers.annotations import cited_in, segments, url_citation
from services.router.providers.anthropic.answers.response import to_completion
from services.router.providers.anthropic.answers.stream import StreamTranslator
from services.router.providers.bedrock.converse.stream import ConverseTranslator
from services.router.providers.gemini.answers.response import to_completion as of_gemini
from shared.usage import Usage
from tests.dialect_files import as_stream, events_in

TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30)
PAGES = st.sampled_from([("https://a.example/1", "One"), ("https://b.example/ü", "Zwei"), ("http://c.example", "")])


@st.composite
def cited_texts(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """A text, and pages that spans of it cite; spans may touch and overlap."""
    text = draw(TEXTS)
    annotations = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        annotations.append(url_citation(*draw(PAGES), start, draw(st.integers(start + 1, len(text)))))
    return text, annotations


def coverage(annotations: Any, length: int) -> dict[int, set[tuple[str, str]]]:
    """Return by each character's place what it cites."""
    found: dict[int, set[tuple[str, str]]] = {}
    for one in cited_in(annotations, length):
        for at in range(one.start, one.end):
            found.setdefault(at, set()).add((one.url, one.title))
    return found


def completion(text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "annotations": annotations}
    return {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def streamed(text: str, annotations: list[dict[str, Any]]) -> bytes:
    deltas = [*({"content": letter} for letter in text), {"annotations": annotations}, {}]
    return as_stream([{"id": "1", "choices": [{"index": 0, "delta": delta}]} for delta in deltas])


@given(cited_texts())
def test_through_anthropics_messages_every_character_cites_what_it_did(cited: tuple[str, list[dict[str, Any]]]) -> None:
    text, annotations = cited
    message = to_message(completion(text, annotations), Usage(input=1), model="m")
    back = to_completion({**message, "usage": {}}, model="m", created=1)["choices"][0]["message"]
    assert back["content"] == text
    assert coverage(back.get("annotations"), len(text)) == coverage(annotations, len(text))


@given(cited_texts(), st.booleans())
def test_through_googles_candidates_every_character_cites_what_it_did(
    cited: tuple[str, list[dict[str, Any]]], by_stream: bool
) -> None:
    text, annotations = cited
    outlet = CandidatesOutlet("m")
    if by_stream:
        said = outlet.feed(streamed(text, annotations)) + outlet.closing(Usage(input=1))
        events = [orjson.loads(event.removeprefix(b"data: ")) for event in said.split(b"\r\n\r\n") if event]
        parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
        answer = {"candidates": [{**events[-1]["candidates"][0], "content": {"parts": parts, "role": "model"}}]}
    else:
        answer = orjson.loads(outlet.whole(completion(text, annotations), Usage(input=1)))
    back = of_gemini(answer, {"id": "1"}, None)["choices"][0]["message"]
    assert back["content"] == text
    assert coverage(back.get("annotations"), len(text)) == coverage(annotations, len(text))


@given(cited_texts(), st.booleans())
def test_responses_cite_what_a_chat_does(cited: tuple[str, list[dict[str, Any]]], by_stream: bool) -> None:
    text, annotations = cited
    outlet = ResponseOutlet({}, model="m", request_id="req_1")
    if by_stream:
        events = events_in(outlet.feed(streamed(text, annotations)) + outlet.closing(Usage()))
        added = [event["annotation"] for event in events if event["type"].endswith("annotation.added")]
        assert added == annotations_of({"annotations": annotations})
    else:
        outlet.whole(completion(text, annotations), Usage())
    [item] = outlet.response["output"]
    assert item["content"][0]["annotations"] == annotations_of({"annotations": annotations})


@given(cited_texts())
def test_a_stream_of_messages_cites_the_same_pages(cited: tuple[str, list[dict[str, Any]]]) -> None:
    text, annotations = cited
    outlet, back = MessageOutlet("m"), StreamTranslator("m", 1, False)
    said = events_in(outlet.feed(streamed(text, annotations)) + outlet.closing(Usage(input=1)))
    deltas = [chunk["choices"][0]["delta"] for event in said for chunk in back.feed(event)]
    found = [one for delta in deltas for one in delta.get("annotations", ())]
    assert [one["index"] for one in found] == list(range(len(found)))
    pages = {(one.url, one.title) for one in cited_in(annotations, len(text))}
    assert {(one.url, one.title) for one in cited_in(found, len(text))} == pages
    assert len(found) == len(pages)


DOCUMENT = st.fixed_dictionaries(
    {"type": st.just("char_location"), "cited_text": TEXTS, "document_index": st.integers(0, 3)}
    | {"document_title": st.none() | TEXTS, "start_char_index": st.integers(0, 9), "end_char_index": st.integers(9, 99)}
)
BLOCKS = st.lists(st.tuples(TEXTS, st.lists(DOCUMENT, max_size=2)), min_size=1, max_size=5)


@given(BLOCKS)
def test_citations_of_documents_come_back_as_anthropic_made_them(blocks: list[tuple[str, list[Any]]]) -> None:
    content: list[dict[str, Any]] = []
    for text, citations in blocks:
        if content and not citations and "citations" not in content[-1]:
            continue  # two plain blocks are one in a chat
        content.append({"type": "text", "text": text, **({"citations": citations} if citations else {})})
    message = {"id": "1", "content": content, "stop_reason": "end_turn", "usage": {}}
    chat = to_completion(message, model="m", created=1)
    assert to_message(chat, Usage(input=1), model="m")["content"] == content


def test_own_citations_of_a_stream_say_more_than_annotations_and_go_alone() -> None:
    page = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "x"}
    deltas: list[dict[str, Any]] = [
        {"provider_specific_fields": {"citation": {**page, "encrypted_index": "E"}}},
        {"content": "Sunny."},
        {"annotations": [{"index": 0, **url_citation("https://a.example", "A", 0, 6)}]},
    ]
    outlet = MessageOutlet("m")
    said = outlet.feed(as_stream([{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]))
    told = [event["delta"] for event in events_in(said + outlet.closing(Usage())) if "delta" in event]
    kinds = [delta.get("type") for delta in told]
    assert kinds == ["citations_delta", "text_delta", None]
    assert told[0]["citation"] == {**page, "encrypted_index": "E"}


def test_a_stream_of_converse_cites_pages_where_their_text_stands() -> None:
    translator = ConverseTranslator("m", 1, False, answer_id="c")
    web = {"title": "Weather", "location": {"web": {"url": "https://a.example", "domain": "a.example"}}}
    events: list[tuple[str, dict[str, Any]]] = [
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi. "}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"citation": web}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Sunny."}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
    ]
    deltas = [chunk["choices"][0]["delta"] for name, event in events for chunk in translator.feed(event, name)]
    assert deltas[-1]["annotations"] == [{"index": 0, **url_citation("https://a.example", "Weather", 4, 10)}]


PAGE = "https://a.example"


@pytest.mark.parametrize(
    ("annotation", "span"),
    [
        ({"type": "url_citation", "url_citation": {"url": "https://a.example"}}, (0, 5)),
        ({"type": "url_citation", "url_citation": {"url": PAGE, "start_index": 3, "end_index": 9}}, (0, 5)),
        ({"type": "url_citation", "url_citation": {"url": PAGE, "start_index": 4, "end_index": 4}}, (0, 5)),
        ({"type": "url_citation", "url_citation": {"url": PAGE, "start_index": 1, "end_index": 3}}, (1, 3)),
        ({"type": "file_citation"}, None),
        ({"type": "url_citation", "url_citation": {"title": "no page"}}, None),
        ("nothing", None),
    ],
)  # fmt: skip
def test_a_citation_without_a_sound_place_is_of_the_whole_text(annotation: Any, span: tuple[int, int] | None) -> None:
    assert [(one.start, one.end) for one in cited_in([annotation], 5)] == ([span] if span else [])


def test_a_text_is_cut_where_citations_begin_and_end() -> None:
    one, two = cited_in([url_citation("https://a.example", "", 0, 3), url_citation("https://b.example", "", 2, 4)], 6)
    assert segments(6, [one, two]) == [(0, 2, [one]), (2, 3, [one, two]), (3, 4, [two]), (4, 6, [])]
