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
    most_documents = len(asked.documents) + len(body) // BYTES_A_DOCUMENT
    repeated = most_documents * len(asked.query.encode())  # the query is read with each part of each document
    units = -(-(most_documents + repeated // BYTES_A_DOCUMENT) // DOCUMENTS_A_UNIT)
    return peek_of(asked, ROUTE, len(body) + repeated, units=(("search_units", units),))
