"""The lines of a batch's input file: each is a request, and all of them together tell what the batch can cost."""

from collections.abc import Callable

import msgspec

from services.edge.objects.named import RESPONSES, Named, may_name, named_in
from services.edge.peeks.peek import Peek
from shared.errors import InvalidRequest
from shared.kept.object_calls import Lines

ROUTE = "POST /v1/files"
CALLS = frozenset(("acompletion", "atext_completion", "aembedding", "aresponses", "amoderation"))
"""What a batch may be made of."""

OUTPUTS_MAX = 32
"""Different maxima that are told apart; beyond that the smallest count as the next larger one."""

PeekLine = Callable[[bytes], Peek]


class _Line(msgspec.Struct):
    custom_id: str
    url: str
    body: msgspec.Raw
    method: str = "POST"


class _Refers(msgspec.Struct):
    previous_response_id: str | None = None
    stream: bool | None = None


_decode = msgspec.json.Decoder(_Line).decode
_decode_refers = msgspec.json.Decoder(_Refers).decode


class LineCounter:
    def __init__(self, peek_for: Callable[[str], tuple[str, PeekLine] | None], most: int) -> None:
        """`peek_for` tells the type of a URL's calls, and their peek; `most` is how many lines there may be."""
        self._peek_for = peek_for
        self._most = most
        self._peek: PeekLine | None = None
        self._url = self._call_type = self._model = ""
        self._ids: set[str] = set()
        self._text_bytes = self._images = self._with_tools = 0
        self._outputs: dict[int, int] = {}
        self._units: dict[str, int] = {}
        self.named: dict[str, Named] = {}  # what the lines name that a provider keeps, by id

    def add(self, number: int, line: bytes) -> None:
        """Count one line.

        Raises:
            InvalidRequest: it is no request, or none that can stand beside those before it; the message names the line.
        """
        try:
            asked = _decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _wrong(number, f"must be a JSON object with custom_id, method, url and body: {error}") from error
        if asked.method != "POST":
            raise _wrong(number, f"method must be POST, not {asked.method[:20]!r}")
        if asked.custom_id in self._ids:
            raise _wrong(number, f"custom_id {asked.custom_id[:100]!r} stands twice")
        self._ids.add(asked.custom_id)
        if len(self._ids) > self._most:
            raise _wrong(
                number, f"a batch takes at most {self._most} requests (general_settings.max_batch_file_records)"
            )
        peek = self._peek_of(number, asked)
        if not peek.model:
            raise _wrong(number, "body.model is missing")
        if self._model and peek.model != self._model:
            raise _wrong(number, f"all lines must ask for one model: {self._model!r} before, {peek.model[:100]!r} here")
        self._model = peek.model
        self._text_bytes += peek.text_bytes
        self._images += peek.images
        self._with_tools += peek.has_tools
        most = peek.max_tokens or 0
        self._outputs[most] = self._outputs.get(most, 0) + peek.n
        for name, count in peek.units:
            self._units[name] = self._units.get(name, 0) + count

    def lines(self) -> Lines:
        """Return what all lines ask for.

        Raises:
            InvalidRequest: there is none.
        """
        if not self._ids:
            raise InvalidRequest(f"{ROUTE}: 'file' holds no request: a batch's input has one a line.", param="file")
        return Lines(
            self._url,
            self._call_type,
            self._model,
            len(self._ids),
            self._text_bytes,
            self._images,
            self._with_tools,
            _merged(self._outputs),
            tuple(sorted(self._units.items())),
        )

    def _peek_of(self, number: int, asked: _Line) -> Peek:
        body = bytes(memoryview(asked.body))
        if self._peek is None:
            found = self._peek_for(asked.url)
            if found is None or found[0] not in CALLS:
                raise _wrong(number, f"a batch cannot call {asked.url[:100]!r}")
            self._url = asked.url
            self._call_type, self._peek = found
        if asked.url != self._url:
            raise _wrong(number, f"all lines must have one url: {self._url!r} before, {asked.url[:100]!r} here")
        try:
            peek = self._peek(body)
            refers = _decode_refers(body)
            if may_name(body, RESPONSES):
                self.named |= {each.id: each for each in named_in(body)}
        except InvalidRequest as error:
            raise _wrong(number, f"body: {error.message.rstrip('.')}") from error
        except msgspec.DecodeError as error:
            raise _wrong(number, f"body: {error}") from error
        if refers.previous_response_id is not None:
            raise _wrong(number, "previous_response_id cannot be used in a batch: send the conversation itself")
        if refers.stream:
            raise _wrong(number, "stream cannot be used in a batch")
        return peek


def _merged(outputs: dict[int, int]) -> tuple[tuple[int, int], ...]:
    """Return the counts by maximum, in few groups: a count may move to a larger maximum, never to a smaller."""
    unset = [(0, outputs[0])] if 0 in outputs else []
    known = sorted((most, count) for most, count in outputs.items() if most)
    while len(known) > OUTPUTS_MAX:
        (_, fewer), (most, count), *rest = known
        known = [(most, fewer + count), *rest]
    return (*unset, *known)


def _wrong(number: int, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{ROUTE}: line {number} of 'file': {problem}.", param="file")
