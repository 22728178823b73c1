"""Which call each piece of a chat stream is of, and the pieces of calls that came mixed, one call after the other."""

from typing import Any

import orjson

Delta = dict[str, Any]


def is_whole(arguments: str) -> bool:
    """Return whether it is a JSON object: nothing but white space can follow it."""
    text = arguments.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


class CallPlaces:
    """The calls of one answer, numbered in the order in which they begin.

    A piece tells by its index which call it is of. Some servers leave that out, or give all calls the same: then a
    piece with a name begins a call, unless its id is known; one without is of the call before, as ids that change
    with every piece are about, too.
    """

    def __init__(self) -> None:
        self._by_index: dict[int, int] = {}
        self._ids: list[str] = []  # of each call, "" where it has none

    def of(self, piece: Delta) -> int:
        """Return the place of the piece's call; to be asked once of each piece, in order."""
        index, call_id = piece.get("index"), piece.get("id") or ""
        named = bool((piece.get("function") or piece.get("custom") or {}).get("name"))
        if isinstance(index, int):
            place = self._by_index.get(index)
            if place is None or (named and call_id and self._ids[place] not in ("", call_id)):
                place = self._by_index[index] = self._begin(call_id)
            return place
        if call_id and call_id in self._ids:
            return self._ids.index(call_id)
        return self._begin(call_id) if named or not self._ids else len(self._ids) - 1

    def _begin(self, call_id: str) -> int:
        self._ids.append(call_id)
        return len(self._ids) - 1


class CallsInTurn:
    """For dialects that write one block after the other: a call that has begun goes on until its arguments are whole.

    What comes in between waits, as does all that follows a call whose arguments never are, until the stream's end.
    """

    def __init__(self) -> None:
        self._places = CallPlaces()
        self._open: int | None = None  # the call whose pieces go out
        self._arguments: list[str] = []  # of it
        self._begun = -1  # the last call that has
        self._waiting: list[Delta] = []

    def feed(self, delta: Delta) -> list[Delta]:
        """Return what may go out now: deltas with at most one piece of a call each, its `index` the call's place."""
        if self._open is None and not delta.get("tool_calls"):
            return [delta]
        out = [ready for piece in self._pieces(delta) for ready in self._take(piece)]
        while self._waiting and not self._is_held():
            out += self._again()
        return out

    def end(self) -> list[Delta]:
        """Return all that waits, once nothing more will come."""
        out: list[Delta] = []
        while self._waiting:
            self._open = None
            out += self._again()
        return out

    def _pieces(self, delta: Delta) -> list[Delta]:
        pieces = [{"tool_calls": [{**call, "index": self._places.of(call)}]} for call in delta.get("tool_calls") or ()]
        rest = {name: value for name, value in delta.items() if name not in ("tool_calls", "role") and value}
        return [rest, *pieces] if rest else pieces

    def _again(self) -> list[Delta]:
        waiting, self._waiting = self._waiting, []
        return [ready for piece in waiting for ready in self._take(piece)]

    def _take(self, piece: Delta) -> list[Delta]:
        """Return the piece, or have it wait: nothing goes past what waits already but the call that is open."""
        (call,) = piece.get("tool_calls") or (None,)
        place = None if call is None else call["index"]
        if place is None or place != self._open:
            if self._waiting or self._is_held():
                self._waiting.append(piece)
                return []
            if place is not None and place <= self._begun:
                return []  # it was whole, and this is the white space behind it
            self._open, self._arguments = place, []
        if call is not None:
            self._begun = max(self._begun, call["index"])
            self._arguments.append((call.get("function") or {}).get("arguments") or "")
        return [piece]

    def _is_held(self) -> bool:
        return self._open is not None and not is_whole("".join(self._arguments))
