"""The ASGI application in front: calls of models go straight to their journey, everything else to FastAPI.

A route through FastAPI costs two to five times the CPU of one taken here.
"""

from services.edge.calls.journey import Journey
from services.edge.calls.pass_through import METHODS, PassThrough, endpoint_of
from services.edge.calls.table import Table
from services.edge.http.asgi import App, Receive, Scope, Send
from services.edge.http.cors import Cors
from services.edge.http.error_response import send_error
from shared.errors import GatewayError

_OWNED = "/responses/"
"""In the path of a response, which belongs to the key that made it: never passed on unread."""


class Front:
    def __init__(self, journey: Journey, table: Table, passing: PassThrough, rest: App) -> None:
        self._journey = journey
        self._table = table
        self._passing = passing
        self._fixed = table.fixed
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
        if scope["type"] == "http" and scope["method"] in METHODS and _OWNED not in scope["path"]:
            target = self._passing.find(scope["path"], scope["raw_path"], scope["query_string"])
            if target is not None and self._table.find(scope["path"].rstrip("/")) is None:
                await self._journey.answer(endpoint_of(target), scope, receive, send, None, target)
                return
        await self._rest(scope, receive, send)


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
        failure = GatewayError(
            f"{scope['method']} {scope['path']}: this route takes POST", status=405, type="invalid_request_error"
        )
        await send_error(send, failure, (b"allow", b"POST"), dialect=found[0].dialect)
