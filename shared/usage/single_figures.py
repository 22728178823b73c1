"""Providers that report one figure or two: embeddings, rerankers, pages, seconds."""

from typing import Any

from shared.usage.classes import Usage
from shared.usage.reading import count, count_or_0, first_count, milliseconds
from shared.usage.reported_cost import reported_cost


def usage_from_total(usage: object) -> Usage | None:
    """Return `total_tokens`, all of them read: Voyage's and Jina's embeddings and rerankers.

    Voyage's multimodal models tell the pixels of pictures, whose tokens are in the total as well.
    Sources: https://docs.voyageai.com/reference/embeddings-api, https://api.jina.ai/redoc,
    https://docs.voyageai.com/reference/multimodal-embeddings-api
    """
    pixels, text = count(usage, "image_pixels"), count(usage, "text_tokens")
    if pixels is not None and text is not None:
        return Usage(input=text, image_input=max(0, count_or_0(usage, "total_tokens") - text), pixels=pixels)
    total, prompt = count(usage, "total_tokens"), count(usage, "prompt_tokens")
    if total is None or prompt is None or total == prompt:
        read = prompt if total is None else total
        return None if read is None else Usage(input=read, reported_cost_pico=_said(usage))
    return Usage(
        input=max(total, prompt),
        reported_cost_pico=_said(usage),
        mismatch=f"total_tokens is {total}, prompt_tokens {prompt}",
    )


def _said(usage: object) -> int | None:
    """OpenRouter says of a reranker's call what it cost."""
    return reported_cost(usage) if isinstance(usage, dict) else None


def usage_from_pages(answer: object) -> Usage | None:
    """Return the pages that Mistral's OCR read: `usage_info`. https://docs.mistral.ai/api/#tag/ocr

    All of them are annotated where the document is, or one of its pictures.
    """
    info = answer.get("usage_info") if isinstance(answer, dict) else None
    pages = count(info, "pages_processed")
    if pages is None:
        return None
    annotated = isinstance(answer, dict) and (answer.get("document_annotation") is not None or _annotates(answer))
    return Usage(annotated_pages=pages) if annotated else Usage(pages=pages)


def _annotates(answer: dict[str, Any]) -> bool:
    """Return whether a picture has an annotation. https://docs.mistral.ai/studio-api/document-processing/annotations"""
    return any(
        isinstance(image, dict) and image.get("image_annotation") is not None
        for page in _items(answer.get("pages"))
        if isinstance(page, dict)
        for image in _items(page.get("images"))
    )


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def usage_from_replicate(prediction: object) -> Usage | None:
    """Return tokens and machine time of a prediction's `metrics`. https://replicate.com/docs/reference/http"""
    metrics = prediction.get("metrics") if isinstance(prediction, dict) else None
    if not isinstance(metrics, dict):
        return None
    return Usage(
        input=count_or_0(metrics, "input_token_count"),
        output=count_or_0(metrics, "output_token_count"),
        images=count_or_0(metrics, "image_count"),
        compute_ms=milliseconds(metrics, "predict_time"),
    )


def usage_from_deepgram(answer: object) -> Usage | None:
    """Return the audio's length; each channel is billed. https://developers.deepgram.com/reference/listen-file"""
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    duration_ms = milliseconds(metadata, "duration")
    if not duration_ms:
        return None
    return Usage(audio_input_ms=duration_ms * max(1, count_or_0(metadata, "channels")))


def usage_from_watsonx(answer: object) -> Usage | None:
    """Return the counts of a text generation's results. https://cloud.ibm.com/apidocs/watsonx-ai#text-generation"""
    results = answer.get("results") if isinstance(answer, dict) else None
    counts = [result for result in results if isinstance(result, dict)] if isinstance(results, list) else []
    if not any(count(result, name) is not None for result in counts for name in _WATSONX):
        return None
    return Usage(
        input=sum(first_count((result, _WATSONX[0])) for result in counts),
        output=sum(first_count((result, _WATSONX[1])) for result in counts),
    )


_WATSONX = ("input_token_count", "generated_token_count")
