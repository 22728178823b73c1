"""google-auth's way to the network, through httpx. Only imported where somebody signs in at Google."""

from collections.abc import Mapping
from typing import Any

import httpx
from google.auth.exceptions import TransportError
from google.auth.transport import Request, Response


class _Answer(Response):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.content


class HttpxRequest(Request):
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> Response:
        """Send it.

        Raises:
            TransportError
        """
        more: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        try:
            return _Answer(self._client.request(method, url, content=body, headers=headers, **more))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure: Any = TransportError
            raise failure(f"{url}: {error or type(error).__name__}") from error
