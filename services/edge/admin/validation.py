"""A body of the wrong shape, answered as LiteLLM does: 422 with type, place and message of each fault."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute


class PlainFaults(APIRoute):
    """The route class of the admin API. What was sent is not echoed: it may hold a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_plainly(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                faults = [{name: fault[name] for name in ("type", "loc", "msg")} for fault in error.errors()]
                return JSONResponse({"detail": faults}, status_code=422)

        return handle_plainly
