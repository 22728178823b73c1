"""Every provider that speaks OpenAI's API, as its row of compatible.toml describes it."""

from collections.abc import Mapping
from urllib.parse import quote

from services.router.providers.answers.count_answer import CountAnswer
from services.router.providers.answers.failures import provider_failure
from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, ProviderCall
from services.router.providers.compatible import CompatibleProvider, base_url_of, key_headers, key_of
from services.router.providers.credentials import call_headers, text_or_missing
from services.router.providers.keeping import Keeping
from services.router.providers.openai.answer import THOUGHTS_RENAMED, OpenAIAnswer
from services.router.providers.openai.body import MAX_TOKENS_FIELDS, max_tokens_fields, outgoing_body
from services.router.providers.openai.other_calls import other_call
from services.router.providers.openai.paths import PATHS
from services.router.providers.openai.plain_body import plain_body
from services.router.providers.openai.plain_chat import extras_of
from services.router.providers.prepared import Prepared
from services.router.providers.speaking import SocketCall, SpeaksRealtime, socket_address, socket_headers
from shared.errors import CredentialMissing, GatewayError
from shared.kept.object_calls import KEEPERS
from shared.serving.deployments import Deployment

INPUT_TOKENS = "aresponses_input_tokens"


class OpenAICompatible(PlainChat, SpeaksRealtime):
    def __init__(
        self, row: CompatibleProvider, environ: Mapping[str, str], *, paths: Mapping[str, str] = PATHS
    ) -> None:
        """`paths` are those of the call types that it answers."""
        self.name = row.name
        self._paths = paths
        self._row = row
        self._environ = environ
        self._unsupported = frozenset(row.unsupported)
        self._keeps = row.name in KEEPERS
        self._renamed = THOUGHTS_RENAMED if row.thoughts == "reasoning" else ()
        self._requests = Prepared(self._request)  # base URL and headers

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        if call_type in ("aresponses", INPUT_TOKENS):  # whoever else speaks OpenAI's chat rarely has these
            return self.name == "openai" and deployment.api_base is None
        return call_type in self._paths

    def takes(self, deployment: Deployment) -> frozenset[str]:
        return extras_of(self.name, deployment.model)

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        url, headers = self._requests.of(deployment)
        if call.call_type == INPUT_TOKENS:
            body = plain_body(call, model=deployment.model, drop=deployment.drop_always)
            return HttpCall(f"{url}/responses/input_tokens", headers, body), CountAnswer()
        if call.call_type != CHAT:
            return other_call(call, deployment, url + PATHS[call.call_type], headers)
        row = self._row
        body = outgoing_body(
            call,
            deployment,
            max_tokens_fields=self._max_tokens_fields(deployment),
            stream_usage=row.stream_options,
            developer_role=row.developer_role,
            unsupported=self._unsupported,
            provider=row.name,
        )
        url += PATHS[CHAT]
        return HttpCall(url, headers, body), OpenAIAnswer(
            call.model, include_usage=call.include_usage, renamed=self._renamed
        )

    def realtime(self, deployment: Deployment) -> SocketCall | None:
        """https://platform.openai.com/docs/guides/realtime-websocket"""
        url, headers = self._requests.of(deployment)
        if not url.startswith(("http://", "https://")) or self.name == "simulated":
            return None
        address = f"{socket_address(url)}/realtime?model={quote(deployment.model, safe='')}"
        return SocketCall(address, socket_headers(headers))

    def address_and_headers(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        """Return the base URL, and the headers of every call.

        Raises:
            CredentialMissing
        """
        return self._requests.of(deployment)

    def key_of(self, deployment: Deployment) -> str | None:
        """Return the key that is sent with every call, None where there is none.

        Raises:
            CredentialMissing: it refers to a variable that is not set.
        """
        return key_of(self._row, text_or_missing(deployment.api_key, deployment, "api_key"), self._environ)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _max_tokens_fields(self, deployment: Deployment) -> tuple[str, ...]:
        """A server of one's own behind `openai/` may know only the old name."""
        if not self._row.max_completion_tokens:
            return MAX_TOKENS_FIELDS[:1]
        known = max_tokens_fields(deployment.model)
        return known[::-1] if self.name == "openai" and deployment.api_base is None else known

    def keeping(self, deployment: Deployment) -> Keeping | None:
        return Keeping(self._requests.of(deployment)[0], "", self._requests.of(deployment)[1]) if self._keeps else None

    def batch_url(self, call_type: str) -> str:
        return f"/v1{PATHS[call_type]}"

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        return self._requests.of(deployment)

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        row = self._row
        base_url = base_url_of(row, text_or_missing(deployment.api_base, deployment, "api_base"), self._environ)
        if base_url is None:
            raise CredentialMissing(
                f"the deployment '{row.name}/{deployment.model}' needs an address: set api_base in its litellm_params, "
                f"or {' or '.join(row.base_url_env) or 'its variable'} in the environment",
                param="api_base",
            )
        key = self.key_of(deployment)
        if key is None and not row.key_optional:
            raise CredentialMissing(
                f"the deployment '{row.name}/{deployment.model}' has no key: set {' or '.join(row.key_env)} in the "
                "gateway's environment, or api_key in its litellm_params",
                param="api_key",
            )
        headers = key_headers(row, key)
        organization = text_or_missing(deployment.organization, deployment, "organization")
        if organization:
            headers["openai-organization"] = organization
        return base_url, call_headers(deployment, headers)
