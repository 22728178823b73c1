"""OpenAI's usage of pictures, audio and realtime sessions.

Sources: https://platform.openai.com/docs/api-reference/images/object,
https://platform.openai.com/docs/api-reference/audio/json-object,
https://platform.openai.com/docs/api-reference/realtime_server_events/response/done
"""

from shared.usage.classes import Usage, usage_of
from shared.usage.reading import count, count_or_0, milliseconds
from shared.usage.reported_cost import reported_cost
from shared.usage.shares import Answer, Prompt, answer_classes, prompt_classes


def usage_from_images(usage: object, *, images: int, pixels: int = 0) -> Usage:
    """Return the usage of `images` pictures made: by tokens where the model reports them, by the piece in any case, and
    by the `pixels` of all of them.

    Tokens that came out are those of pictures unless their details say otherwise.
    """
    went, came = count(usage, "input_tokens"), count(usage, "output_tokens")
    if not isinstance(usage, dict) or (went is None and came is None):
        said = reported_cost(usage) if isinstance(usage, dict) else None  # xAI's have nothing but their cost
        return Usage(images=images, pixels=pixels, reported_cost_pico=said)
    read, wrote = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    went, came = went or 0, came or 0
    more, problem = _unexplained(usage, went + came)
    came += more
    cached_details = read.get("cached_tokens_details") if isinstance(read, dict) else None
    read_classes, read_problem = prompt_classes(
        Prompt(
            went,
            count_or_0(read, "cached_tokens"),
            image=count_or_0(read, "image_tokens"),
            cached_image=count_or_0(cached_details, "image_tokens"),
        )
    )
    text = min(came, count_or_0(wrote, "text_tokens"))
    return usage_of(
        {**read_classes, "output": text, "image_output": came - text, "images": images, "pixels": pixels},
        mismatch=problem or read_problem,
    )


def usage_from_transcription(answer: object) -> Usage | None:
    """Return what a transcription used: audio tokens or seconds, as its `usage` says, else the audio's `duration`."""
    if not isinstance(answer, dict):
        return None
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        duration_ms = milliseconds(answer, "duration")
        return Usage(audio_input_ms=duration_ms) if duration_ms else None
    if usage.get("type") == "duration":
        return Usage(audio_input_ms=milliseconds(usage, "seconds"))
    heard_ms = milliseconds(usage, "prompt_audio_seconds")
    if heard_ms:
        return Usage(audio_input_ms=heard_ms)  # Mistral's, which bills nothing but the sound
    return _by_modality(usage)


def usage_from_realtime(usage: object) -> Usage | None:
    """Return the usage of one `response.done`."""
    return _by_modality(usage) if isinstance(usage, dict) else None


def usage_of_speech(text: str, *, usage: object = None) -> Usage:
    """Return what speech made of `text` used: its characters, and the tokens where the model reports them."""
    by_token = _by_modality(usage) if isinstance(usage, dict) else None
    if by_token is None:
        return Usage(input_characters=len(text))
    # What came out is sound, whether or not the details say so.
    return Usage(
        input=by_token.input,
        audio_output=by_token.output + by_token.audio_output,
        input_characters=len(text),
        mismatch=by_token.mismatch,
    )


def _by_modality(usage: dict[str, object]) -> Usage | None:
    went, came = count(usage, "input_tokens"), count(usage, "output_tokens")
    if went is None and came is None:
        return None
    went, came = went or 0, came or 0
    more, problem = _unexplained(usage, went + came)
    read = usage.get("input_token_details") or usage.get("input_tokens_details")
    wrote = usage.get("output_token_details") or usage.get("output_tokens_details")
    cached = read.get("cached_tokens_details") if isinstance(read, dict) else None
    read_classes, read_problem = prompt_classes(
        Prompt(
            went,
            count_or_0(read, "cached_tokens"),
            audio=count_or_0(read, "audio_tokens"),
            image=count_or_0(read, "image_tokens"),
            cached_audio=count_or_0(cached, "audio_tokens"),
            cached_image=count_or_0(cached, "image_tokens"),
        )
    )
    spoken = count_or_0(wrote, "audio_tokens")
    written_classes, written_problem = answer_classes(
        Answer(came + more, count_or_0(wrote, "reasoning_tokens"), spoken + (more if spoken else 0))
    )
    return usage_of({**read_classes, **written_classes}, mismatch=problem or read_problem or written_problem)


def _unexplained(usage: dict[str, object], parts: int) -> tuple[int, str]:
    """Return the tokens of the total that are in none of its parts, which count as written, and what to say of it."""
    total = count(usage, "total_tokens")
    if total is None or total == parts:
        return 0, ""
    return max(0, total - parts), f"total_tokens is {total}, its parts are {parts}"
