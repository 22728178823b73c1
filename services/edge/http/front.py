"""The ASGI application in front: calls of models go straight to their journey, everything else to FastAPI.

A route through FastAPI costs two to five times the CPU of one taken here.
"""

from collections.abc import Mapping, Sequence

from services.edge.calls.endpoint import ObjectRequest
from services.edge.calls.journey import Journey
from services.edge.calls.pass_through import METHODS, PassThrough, endpoint_of, gives_secrets
from services.edge.calls.table import Table
from services.edge.http.asgi import App, Receive, Scope, Send
from services.edge.http.cors import Cors
from services.edge.http.error_response import send_error
from services.edge.objects.paths import ENDPOINTS, Found, ObjectPaths
from services.edge.objects.requests import ObjectRequests
from services.edge.realtime.journey import RealtimeJourney
from shared.errors import GatewayError
from shared.identity.keys import Key

_OWN_SESSIONS = "/openai/v1/realtime/"
_OWNED = "/responses/"
"""In the path of a response, which belongs to the key that made it: never passed on unread."""


class Front:
    def __init__(
        self,
        journey: Journey,
        table: Table,
        passing: PassThrough,
        rest: App,
        *,
        realtime: RealtimeJourney,
        object_paths: ObjectPaths,
        objects: ObjectRequests,
    ) -> None:
        self._journey = journey
        self._realtime = realtime
        self._table = table
        self._passing = passing
        self._fixed = table.fixed
        self._object_paths = object_paths
        self._objects = objects
        self._rest = Cors(_OnlyPost(table, rest))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            endpoint = self._fixed.get(path)
            if endpoint is not None:
                await self._journey.answer(endpoint, scope, receive, send, None)
                return
            bare = path.rstrip("/")
            found = self._table.find(bare)
            if found is not None:
                scope["path"] = bare
                await self._journey.answer(found[0], scope, receive, send, found[1])
                return
        if scope["type"] == "websocket":
            await self._realtime.answer(scope, receive, send)
            return
        if scope["type"] == "http":
            kept = self._object_paths.find(scope["method"], scope["path"])
            if kept is not None:
                await self._answer_object(kept, scope, receive, send)
                return
        if scope["type"] == "http" and scope["method"] in METHODS and _OWNED not in scope["path"]:
            target = self._passing.find(scope["path"], scope["raw_path"], scope["query_string"])
            if target is not None and target.gives_secrets:
                if not scope["path"].startswith(_OWN_SESSIONS):
                    await send_error(send, gives_secrets(target))
                    return
            elif target is not None and self._table.find(scope["path"].rstrip("/")) is None:
                await self._journey.answer(endpoint_of(target, scope["method"]), scope, receive, send, None, target)
                return
        await self._rest(scope, receive, send)

    async def _answer_object(self, found: Found, scope: Scope, receive: Receive, send: Send) -> None:
        path, query = scope["path"], scope["query_string"]
        if scope["method"] == "OPTIONS":
            await self._rest(scope, receive, send)
        elif not found.call_type:
            await send_error(send, _other_method(scope, found.allowed), (b"allow", ", ".join(found.allowed).encode()))
        else:

            async def reads(key: Key | None, headers: Mapping[bytes, bytes], receive: Receive) -> ObjectRequest:
                return await self._objects.read(found, path, query, key, headers, receive)

            await self._journey.answer(ENDPOINTS[found.call_type], scope, receive, send, None, reads=reads)


def _other_method(scope: Scope, allowed: Sequence[str]) -> GatewayError:
    return GatewayError(
        f"{scope['method']} {scope['path']}: this route takes {', '.join(allowed)}",
        status=405,
        type="invalid_request_error",
    )


class _OnlyPost:
    """`app`, which does not know the endpoints of the table: it would say of them that they do not exist."""

    def __init__(self, table: Table, app: App) -> None:
        self._table = table
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._table.find(scope["path"].rstrip("/"))
        if found is None:
            await self._app(scope, receive, send)
            return
        await send_error(send, _other_method(scope, ("POST",)), (b"allow", b"POST"), dialect=found[0].dialect)
