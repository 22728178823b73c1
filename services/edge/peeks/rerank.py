"""POST /rerank, Cohere's form: which documents answer a query best."""

from typing import Any

import msgspec

from services.edge.peeks.json_body import decoded
from services.edge.peeks.peek import Ours, Peek, peek_of
from shared.errors import InvalidRequest

ROUTE = "/rerank"
DOCUMENTS_A_UNIT = 100
BYTES_A_DOCUMENT = 500
"""A search unit is a query with up to 100 documents; one of more than 500 tokens counts as several, with the query in
each. A token has at least one byte. https://cohere.com/pricing"""


class _Rerank(Ours, kw_only=True):
    query: str
    documents: list[Any]


_decode = msgspec.json.Decoder(_Rerank).decode


def peek_rerank(body: bytes) -> Peek:
    """Return what is asked for.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode, body, ROUTE)
    if not asked.query:
        raise InvalidRequest(f"{ROUTE}: 'query' must hold a text.", param="query")
    if not asked.documents:
        raise InvalidRequest(f"{ROUTE}: 'documents' must hold at least one document.", param="documents")
    units = search_units(asked.query, asked.documents, len(body))
    read = len(body) + _repeated_bytes(asked.query, asked.documents, len(body))
    return peek_of(asked, ROUTE, read, units=(("search_units", units),))


def search_units(query: str, documents: list[Any], body_bytes: int) -> int:
    """Return the search units of so many documents in so many bytes, at most."""
    repeated = _repeated_bytes(query, documents, body_bytes)
    return -(-(_most_documents(documents, body_bytes) + repeated // BYTES_A_DOCUMENT) // DOCUMENTS_A_UNIT)


def _repeated_bytes(query: str, documents: list[Any], body_bytes: int) -> int:
    """The query is read with each part of each document."""
    return _most_documents(documents, body_bytes) * len(query.encode())


def _most_documents(documents: list[Any], body_bytes: int) -> int:
    return len(documents) + body_bytes // BYTES_A_DOCUMENT
