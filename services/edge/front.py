"""The ASGI application in front: the hot routes go straight to their journey, everything else to FastAPI.

A route through FastAPI costs two to five times the CPU of one taken here.
"""

import re

from services.edge.asgi import App, Receive, Scope, Send
from services.edge.chat import Chat
from services.edge.cors import Cors
from services.edge.error_response import send_error
from shared.errors import GatewayError

CHAT_ROUTES = ("/v1/chat/completions", "/chat/completions", "/openai/v1/chat/completions")
_DEPLOYMENT_ROUTE = re.compile(r"/(?:openai|engines)/(?:deployments/)?(?P<model>.+)/chat/completions")


class Front:
    def __init__(self, chat: Chat, rest: App) -> None:
        self._chat = chat
        self._rest = Cors(_OnlyPost(rest))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            if path in CHAT_ROUTES:
                await self._chat.answer(scope, receive, send, None)
                return
            if path.endswith("/") and is_hot(path):
                path = scope["path"] = path.rstrip("/")
            match = _DEPLOYMENT_ROUTE.fullmatch(path)
            if match or path in CHAT_ROUTES:
                await self._chat.answer(scope, receive, send, match["model"] if match else None)
                return
        await self._rest(scope, receive, send)


def is_hot(path: str) -> bool:
    """Whether requests are posted to `path`, a slash at its end or not."""
    path = path.rstrip("/")
    return path in CHAT_ROUTES or _DEPLOYMENT_ROUTE.fullmatch(path) is not None


class _OnlyPost:
    """`app`, which does not know the hot routes: it would say of them that they do not exist."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_hot(scope["path"]):
            await self._app(scope, receive, send)
            return
        failure = GatewayError(
            f"{scope['method']} {scope['path']}: this route takes POST", status=405, type="invalid_request_error"
        )
        await send_error(send, failure, (b"allow", b"POST"))
