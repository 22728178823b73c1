"""The streams and buckets that must exist, made or brought up to date at every start."""

import structlog

from shared import subjects
from shared.bus.connection import Bus
from shared.bus.failures import NotStored
from shared.bus.kv import kv_stream, kv_subject

log = structlog.get_logger()

_SECOND = 1_000_000_000
FACTS_DAYS = 90
DEDUP_WINDOW_S = 600
BATCHES_DAYS = 30
"""Since an entry was last written: what is open is written each time its provider is asked."""

RESPONSES_DAYS = 30
"""As long as OpenAI keeps responses. https://platform.openai.com/docs/guides/your-data"""


async def prepare_streams(bus: Bus, *, replicas: int = 1) -> None:
    """Create what is missing; change what may be changed in place. Safe to run from several processes at once."""
    kept_for_ever = {"deny_delete": True, "deny_purge": False}
    streams: list[dict[str, object]] = [
        {
            "name": subjects.FACTS,
            "subjects": [subjects.FACTS_SUBJECTS],
            "max_age": FACTS_DAYS * 86_400 * _SECOND,
            "duplicate_window": DEDUP_WINDOW_S * _SECOND,
            "deny_delete": True,
        },
        {
            "name": subjects.CONTROL,
            "subjects": [subjects.CONTROL_SUBJECTS],
            "allow_atomic": True,
            **kept_for_ever,
        },
        {"name": subjects.JOURNAL, "subjects": [subjects.JOURNAL_SUBJECTS], "allow_rollup_hdrs": True},
        {"name": subjects.LEDGER, "subjects": [subjects.MANIFEST], **kept_for_ever},
    ]
    for bucket in subjects.BUCKETS:
        streams.append(
            {
                "name": kv_stream(bucket),
                "subjects": [kv_subject(bucket, ">")],
                "max_msgs_per_subject": 1,
                "allow_rollup_hdrs": True,
                "deny_delete": True,
                "discard": "new",
            }
        )
    streams.append(
        {
            "name": kv_stream(subjects.RESPONSES_BUCKET),
            "subjects": [kv_subject(subjects.RESPONSES_BUCKET, ">")],
            "max_msgs_per_subject": 1,
            "max_age": RESPONSES_DAYS * 86_400 * _SECOND,
            "allow_rollup_hdrs": True,
        }
    )
    streams.append(
        {
            "name": kv_stream(subjects.BATCHES_BUCKET),
            "subjects": [kv_subject(subjects.BATCHES_BUCKET, ">")],
            "max_msgs_per_subject": 1,
            "max_age": BATCHES_DAYS * 86_400 * _SECOND,
            "allow_rollup_hdrs": True,
        }
    )
    streams.append(
        {
            "name": kv_stream(subjects.OWNED_BUCKET),
            "subjects": [kv_subject(subjects.OWNED_BUCKET, ">")],
            "max_msgs_per_subject": 1,
            "allow_rollup_hdrs": True,
        }
    )
    for stream in streams:
        config = {"storage": "file", "num_replicas": replicas, "allow_direct": True, **stream}
        try:
            await bus.api(f"STREAM.CREATE.{config['name']}", config)
        except NotStored:
            await bus.api(f"STREAM.UPDATE.{config['name']}", config)
