"""What the lines of a batch's input file ask for, all together."""

import json
from typing import Any

import pytest

from services.edge.calls.table import Table
from services.edge.objects.lines import OUTPUTS_MAX, LineCounter, PeekLine
from shared.errors import InvalidRequest

TABLE = Table()


def peek_for(url: str) -> tuple[str, PeekLine] | None:
    endpoint = TABLE.fixed.get(url)
    return (endpoint.call_type, endpoint.peek) if endpoint is not None and endpoint.peek is not None else None


def line(number: int, **body: Any) -> bytes:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **body}
    return json.dumps({"custom_id": f"c{number}", "url": "/v1/chat/completions", "body": asked}).encode()


def counted(*lines: bytes, most: int = 1_000) -> LineCounter:
    counter = LineCounter(peek_for, most)
    for number, each in enumerate(lines, start=1):
        counter.add(number, each)
    return counter


def test_lines_are_summed() -> None:
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    tools = [{"type": "function", "function": {"name": "f"}}]
    found = counted(
        line(1, max_tokens=10, n=2),
        line(2, max_completion_tokens=20, tools=tools),
        line(3, messages=[{"role": "user", "content": image}]),
        line(4, max_tokens=10),
    ).lines()
    assert (found.model, found.call_type, found.url, found.count) == ("m", "acompletion", "/v1/chat/completions", 4)
    assert (found.images, found.with_tools) == (1, 1)
    assert found.outputs == ((0, 1), (10, 3), (20, 1))
    assert found.text_bytes >= 4 * len("hello")


def test_many_maxima_are_told_in_few_groups_and_never_as_less() -> None:
    maxima = range(1, 200)
    outputs = counted(*(line(number, max_tokens=number) for number in maxima)).lines().outputs
    assert len(outputs) <= OUTPUTS_MAX
    assert sum(count for _, count in outputs) == len(maxima)
    assert sum(most * count for most, count in outputs) >= sum(maxima)
    assert outputs[-1][0] == 199


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((b"[]",), "line 1 of 'file': must be a JSON object"),
        ((b'{"custom_id": "c", "url": "/v1/chat/completions"}',), "line 1 of 'file': must be a JSON object"),
        ((line(1), line(1)), "line 2 of 'file': custom_id 'c1' stands twice"),
        ((line(1), line(2, model="other")), "line 2 of 'file': all lines must ask for one model"),
        ((line(1, model=None),), "body.model is missing"),
        ((line(1).replace(b"/v1/chat/completions", b"/v1/images/generations"),), "a batch cannot call"),
        ((line(1), line(2).replace(b"/v1/chat", b"/chat")), "all lines must have one url"),
        ((line(1, max_tokens=0),), "body: /chat/completions: 'max_tokens' must be at least 1."),
        ((line(1, stream=True),), "stream cannot be used"),
        ((line(1, previous_response_id="resp_1"),), "previous_response_id cannot be used"),
        ((line(1).replace(b'"url"', b'"method": "GET", "url"'),), "method must be POST"),
        ((line(1), line(2), line(3)), "line 3 of 'file': a batch takes at most 2 requests"),
        ((), "holds no request"),
    ],
)
def test_a_line_that_is_wrong_is_named(lines: tuple[bytes, ...], message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        counted(*lines, most=2).lines()
    assert message in refused.value.message
    assert not refused.value.message.endswith("..")
    assert refused.value.param == "file"
