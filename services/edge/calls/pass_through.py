"""`/{provider}/...`: a call that goes to a provider as it is, under our key, limits and budgets."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

from services.edge.calls.endpoint import Endpoint, Resolve
from services.edge.calls.passed_streams import streams_by_address
from services.edge.objects.conversations import Conversing
from services.edge.objects.interactions import GoingOn
from services.edge.objects.named import ANY_OPENAI, GENERATE, MESSAGES
from services.edge.objects.owned_passing import OnlyOwned
from services.edge.peeks.anything import peek_any_form, peek_anything
from shared.errors import InvalidRequest
from shared.kept.passed_objects import converses, object_in
from shared.serving.pass_through import CALL_TYPE

METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))

_DIALECTS = {"anthropic": "anthropic", "gemini": "gemini", "vertex_ai": "gemini"}
_REFERS = {"anthropic": MESSAGES, "gemini": GENERATE}
_CLIENT_HEADERS = (
    *(b"accept", b"content-type", b"idempotency-key", b"if-match", b"range"),
    *(b"anthropic-version", b"anthropic-beta", b"openai-beta", b"x-goog-api-client"),
    *(b"x-amzn-bedrock-accept", b"x-amzn-bedrock-trace", b"x-amzn-bedrock-performanceconfig-latency"),
    *(b"x-amzn-bedrock-guardrailidentifier", b"x-amzn-bedrock-guardrailversion", b"x-amzn-bedrock-service-tier"),
    *(b"x-amzn-sagemaker-custom-attributes", b"x-amzn-sagemaker-target-model", b"x-amzn-sagemaker-target-variant"),
    *(b"x-amzn-sagemaker-inference-component", b"x-amzn-sagemaker-session-id"),
)
"""What of the client's headers goes on: no credential, no cookie, nothing of the connection."""

_GIVES_SECRETS = re.compile(
    r"/realtime(?:/|$)|/auth_?tokens|/auth/grant|/get[-_]signed[-_]url|/conversation/token|/single-use-token",
    re.IGNORECASE,
)
"""Where providers give out secrets for their own servers: OpenAI and Azure, Google, Deepgram, ElevenLabs. Whoever has
one goes past this gateway, its limits and budgets."""

_MODEL_IN_PATH = re.compile(r"(?:^|/)(?:models?|deployments|engines|endpoints(?!/openapi))/(?P<model>[^/:?]+)")
_OURS_IN_QUERY = frozenset(("key", "api_key"))
"""Google's clients can send the key there: it is ours, not the provider's."""


class Target(NamedTuple):
    """`path` begins with a slash, and is as the client wrote it; `query` is without the key."""

    provider: str
    path: str
    query: str

    @property
    def model(self) -> str:
        """The model that the path names, "" where it names none."""
        found = _MODEL_IN_PATH.search(self.path)
        return unquote(found["model"]) if found else ""

    @property
    def gives_secrets(self) -> bool:
        return _GIVES_SECRETS.search(unquote(self.path)) is not None

    @property
    def url(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class PassThrough:
    """Knows the providers that can be called so."""

    providers: Collection[str]

    def find(self, path: str, raw_path: bytes, query: bytes) -> Target | None:
        """Return where a request goes that no endpoint serves, None where it is none of a provider's."""
        _, provider, rest = (*path.split("/", 2), "", "")[:3]
        if not rest or provider not in self.providers:
            return None
        target = raw_path.decode("ascii", "ignore").split("/", 2)[-1]
        kept = [(name, value) for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
        return Target(
            provider, f"/{target}", urlencode([(name, value) for name, value in kept if name not in _OURS_IN_QUERY])
        )


def gives_secrets(target: Target) -> InvalidRequest:
    return InvalidRequest(
        f"/{target.provider}{target.path[:200]} is not passed on: a secret that the provider gives out would go past "
        "this gateway. Open realtime sessions at /v1/realtime, with a key or a secret of /v1/realtime/client_secrets.",
        param="path",
    )


def endpoint_of(target: Target, method: str) -> Endpoint:
    concerned = object_in(target.provider, method, target.url)
    dialect = _DIALECTS.get(target.provider, "openai")
    streams = streams_by_address(target.path, target.query)
    owned: Resolve | None = None if concerned is None else OnlyOwned(concerned)
    if concerned is not None and converses(target.provider, method, target.url):
        owned = Conversing(concerned)
    elif concerned is not None and concerned.makes and concerned.kind.endswith(" interactions"):
        owned = GoingOn(concerned)
    return Endpoint(
        name=f"/{target.provider}",
        summary="",
        call_type=CALL_TYPE,
        dialect=dialect,
        peek=partial(peek_anything, streams=streams),
        peek_form=partial(peek_any_form, streams=streams),
        client_headers=_CLIENT_HEADERS,
        refers=_REFERS.get(dialect, ANY_OPENAI),
        resolve=owned,
    )
