"""Parts of a total, taken out of it so that nothing is counted twice."""

from typing import NamedTuple


class Prompt(NamedTuple):
    """What a provider says went in: `total` tokens, and which of them were what. Any may overlap the cached ones."""

    total: int
    cached: int = 0
    written: int = 0
    written_1h: int = 0
    audio: int = 0
    image: int = 0
    video: int = 0
    cached_audio: int = 0
    cached_image: int = 0


def prompt_classes(prompt: Prompt) -> tuple[dict[str, int], str]:
    """Return the disjoint classes, and what does not add up.

    Cached tokens can be images or audio as well. Unless the provider says which, they overlap as little as the total
    allows: the dearer reading. Parts that are larger than the total are taken to stand beside it,
    those of them that are images or audio, too; but not where the same part of the prompt was written to the cache and
    read from it at once (Gemini's, as OpenRouter reports it).
    """
    total, cached, written, written_1h, audio, image, video, cached_audio, cached_image = prompt
    problem = ""
    at_once = cached == written + written_1h and cached <= total < 2 * cached
    outside = not at_once and cached + written + written_1h > total
    if outside:
        problem = f"{cached + written + written_1h} cached tokens in a prompt of {total}"
    room = total if outside else total - cached if at_once else total - cached - written - written_1h
    cached_audio = min(cached_audio, cached)
    cached_image = min(cached_image, cached - cached_audio)
    if not outside:
        cached_audio, cached_image = min(cached_audio, audio), min(cached_image, image)
        audio, image = audio - cached_audio, image - cached_image
    cached -= cached_audio + cached_image
    over = audio + image + video - room
    if over > 0:
        overlap = min(over, cached)
        from_image = min(overlap, image)
        from_video = min(overlap - from_image, video)
        from_audio = overlap - from_image - from_video
        image, video, audio = image - from_image, video - from_video, audio - from_audio
        cached -= overlap
        cached_image, cached_audio = cached_image + from_image + from_video, cached_audio + from_audio
        if over > overlap:
            problem = problem or f"{over - overlap} tokens of media more than the prompt of {total}"
    classes = {
        "input": max(0, room - audio - image - video),
        "cached_input": cached,
        "cache_write": written,
        "cache_write_1h": written_1h,
        "audio_input": audio,
        "image_input": image,
        "video_input": video,
        "cached_audio_input": cached_audio,
        "cached_image_input": cached_image,
    }
    return classes, problem


class Answer(NamedTuple):
    """What a provider says came out: `total` tokens, and which of them were what."""

    total: int
    reasoning: int = 0
    audio: int = 0
    image: int = 0
    video: int = 0


def answer_classes(answer: Answer) -> tuple[dict[str, int], str]:
    """Return the disjoint classes, and what does not add up: parts larger than the total stand beside it."""
    total, reasoning, audio, image, video = answer
    problem = ""
    parts = reasoning + audio + image + video
    output = total - parts
    if output < 0:
        problem = f"{parts} tokens of reasoning and media in an answer of {total}"
        output = max(0, total - audio - image - video) if reasoning else 0
    classes = {
        "output": output,
        "reasoning": reasoning,
        "audio_output": audio,
        "image_output": image,
        "video_output": video,
    }
    return classes, problem
