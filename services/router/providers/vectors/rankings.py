"""Cohere's form of reranking, which clients speak, for providers with another one."""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.answers.translated_json import Read
from shared.ids import new_id
from shared.usage import Usage

FIELDS = ("query", "documents", "top_n", "return_documents", "rank_fields", "max_chunks_per_doc", "max_tokens_per_doc")


def document_texts(body: dict[str, Any]) -> list[str]:
    """Return the documents as texts; Cohere's form has them as texts or as objects with a `text`.

    Raises:
        InvalidField
    """
    documents = body.get("documents")
    if not isinstance(documents, list):
        raise InvalidField("documents", "must be a list of texts.")
    texts: list[str] = []
    for index, document in enumerate(documents):
        text = document.get("text") if isinstance(document, dict) else document
        if not isinstance(text, str):
            raise InvalidField(f"documents[{index}]", "must be a string, or an object with a text.")
        texts.append(text)
    return texts


def ranking(
    results: list[dict[str, Any]], *, model: str, usage: Usage | None, documents: list[str] | None, answer_id: str = ""
) -> Read:
    """Return the answer in Cohere's form.

    `results` have index and relevance_score; `documents` are returned with them, where there are any.
    """
    shown_results = [
        {"index": result["index"], "relevance_score": result["relevance_score"]}
        | ({"document": {"text": documents[result["index"]]}} if documents is not None else {})
        for result in results
    ]
    shown: dict[str, Any] = {"id": answer_id or new_id("rerank"), "results": shown_results, "model": model}
    if usage is not None:
        billed = {"search_units": usage.search_units} if usage.search_units else {"total_tokens": usage.total_tokens}
        shown["meta"] = {"billed_units": billed, "tokens": {"input_tokens": usage.prompt_tokens, "output_tokens": 0}}
    return Read(shown, usage, shown["id"])
