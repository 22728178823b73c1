"""The local Voyage server held to voyageai, which asks for vectors in base64 and reads them back."""

import pytest
import voyageai
from voyageai.error import AuthenticationError, RateLimitError

from tests.provider_servers import Behaviour
from tests.provider_servers.vectors import VoyageServer


def at_voyage(server: VoyageServer, key: str) -> voyageai.AsyncClient:
    return voyageai.AsyncClient(api_key=key, base_url=f"{server.origin}/v1", max_retries=1)


async def test_voyages_sdk_reads_vectors_and_their_tokens() -> None:
    async with VoyageServer() as server:
        answer = await at_voyage(server, server.key).embed(
            ["one", "two"], model="voyage-3.5", input_type="document", output_dimension=256
        )
        assert (answer.embeddings, answer.total_tokens) == ([[0.5, 0.0], [0.5, 1.0]], 20)
        sent = server.received[0]
    assert sent.path == "/v1/embeddings"
    assert (sent.body["input"], sent.body["model"]) == (["one", "two"], "voyage-3.5")
    assert (sent.body["input_type"], sent.body["output_dimension"]) == ("document", 256)


async def test_voyages_sdk_reads_rankings_with_the_best_first() -> None:
    async with VoyageServer() as server:
        client = at_voyage(server, server.key)
        ranked = await client.rerank("q", ["one", "two"], model="rerank-2.5", top_k=1)
        assert [(found.index, found.document, found.relevance_score) for found in ranked.results] == [
            (1, "two", 0.4375)
        ]
        assert ranked.total_tokens == 20
        assert len((await client.rerank("q", ["one", "two"], model="rerank-2.5")).results) == 2


async def test_voyages_sdk_knows_the_errors() -> None:
    async with VoyageServer() as server:
        with pytest.raises(AuthenticationError, match="The server says 401"):
            await at_voyage(server, "wrong").embed(["one"], model="voyage-3.5")
        server.next(Behaviour(status=429))
        with pytest.raises(RateLimitError, match="The server says 429"):
            await at_voyage(server, server.key).rerank("q", ["one"], model="rerank-2.5")
