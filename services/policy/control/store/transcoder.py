"""The state of an event as plain JSON.

The library's own transcoder gives objects with certain names a meaning (`_type_`, `_data_`); metadata is the client's
and may hold any names, so here an object is just an object.
"""

from datetime import datetime
from typing import Any

import msgspec
from eventsourcing.persistence import Transcoder


class PlainJson(Transcoder):
    def encode(self, obj: dict[str, Any]) -> bytes:
        return msgspec.json.encode(obj)

    def decode(self, data: bytes) -> dict[str, Any]:
        state: dict[str, Any] = msgspec.json.decode(data)
        state["timestamp"] = datetime.fromisoformat(state["timestamp"])
        return state
