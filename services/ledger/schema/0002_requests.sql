-- One row for each request that ended: finished, denied or lost. Filled by a view from the facts of a batch, in the same
-- insert. Where more than one fact tells the end of a request, the row with the highest `ver` counts: finished before
-- lost before denied, and of two equal ones the earlier. The key is (at, request_id), both the same for all facts of a
-- request, so duplicates always meet, and parts hardly overlap: reading with FINAL costs next to nothing.
CREATE TABLE IF NOT EXISTS {database}.request_rows {on_cluster} (
    at DateTime64(3, 'UTC'),
    request_id String,
    ver UInt64,
    epoch UInt32,
    seq UInt64,
    batch UInt64,
    ts DateTime64(3, 'UTC'),
    tenant LowCardinality(String),
    key LowCardinality(String),
    outcome LowCardinality(String),
    cost Decimal(38, 12),
    f {fields},
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_response f.response_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(at)
ORDER BY (at, request_id)
SETTINGS {deduplication_window};

-- The payload is parsed once, into a tuple that is stored as it is: naming fifty fields of it here would cost 40 ms an
-- insert. What money and identity depend on (cost, key, tenant, at) is not read here but comes from the columns of `facts`:
-- JSONExtract answers with zeros for a whole payload that has one number too large for it, which a client can send as
-- metadata. Such a row has the outcome 'unreadable', and its money.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.facts_to_request_rows {on_cluster} TO {database}.request_rows AS
SELECT
    at,
    request_id,
    multiIf(kind = 'completion.finished', 3, kind = 'completion.lost', 2, 1) * 1152921504606846976
        + (1152921504606846975 - seq) AS ver,
    epoch,
    seq,
    batch,
    ts,
    tenant,
    key,
    multiIf(kind = 'request.denied', 'denied', kind = 'completion.lost', 'lost', f.outcome = '', 'unreadable', f.outcome)
        AS outcome,
    cost,
    f
FROM (
    SELECT
        at, request_id, kind, epoch, seq, batch, ts, tenant, key, cost,
        JSONExtract(payload, '{fields}') AS f
    FROM {database}.facts
    WHERE v = 1 AND kind IN ('completion.finished', 'completion.lost', 'request.denied')
);

-- What people and queries read: each request once, with its columns named.
CREATE VIEW IF NOT EXISTS {database}.requests {on_cluster} AS
SELECT
    request_id,
    at,
    outcome,
    cost,
    tenant,
    key,
    f.key_alias AS key_alias,
    f.user_id AS user_id,
    f.team_id AS team_id,
    f.organization_id AS organization_id,
    f.end_user AS end_user,
    f.tags AS tags,
    f.session_id AS session_id,
    f.route AS route,
    f.call_type AS call_type,
    f.model AS model,
    f.group AS model_group,
    f.deployment AS deployment,
    f.provider AS provider,
    f.provider_model AS provider_model,
    f.stream AS stream,
    f.client_left AS client_left,
    f.status AS status,
    f.error_type AS error_type,
    f.stage AS stage,
    f.guardrail AS guardrail,
    f.response_id AS response_id,
    f.finish_reason AS finish_reason,
    f.prompt_tokens AS prompt_tokens,
    f.completion_tokens AS completion_tokens,
    f.prompt_tokens + f.completion_tokens AS total_tokens,
    f.usage.input AS tokens_input,
    f.usage.cached_input AS tokens_cached_input,
    f.usage.cache_write AS tokens_cache_write,
    f.usage.cache_write_1h AS tokens_cache_write_1h,
    f.usage.audio_input AS tokens_audio_input,
    f.usage.image_input AS tokens_image_input,
    f.usage.output AS tokens_output,
    f.usage.reasoning AS tokens_reasoning,
    f.usage.audio_output AS tokens_audio_output,
    f.usage.image_output AS tokens_image_output,
    f.usage.requests AS billed_requests,
    f.usage.web_searches AS web_searches,
    f.usage_source AS usage_source,
    f.price.row AS price_row,
    toDecimal128(f.hold_pico, 0) * toDecimal128('0.000000000001', 12) AS hold,
    f.attempts AS attempts,
    f.retries AS retries,
    f.fallbacks AS fallbacks,
    if(f.started_ms = 0, NULL, fromUnixTimestamp64Milli(f.started_ms, 'UTC')) AS started_at,
    if(f.first_token_ms = 0, NULL, fromUnixTimestamp64Milli(f.first_token_ms, 'UTC')) AS first_token_at,
    if(f.finished_ms = 0, ts, fromUnixTimestamp64Milli(f.finished_ms, 'UTC')) AS finished_at,
    if(f.finished_ms = 0, NULL, f.finished_ms - toUnixTimestamp64Milli(at)) AS duration_ms,
    if(f.first_token_ms = 0, NULL, f.first_token_ms - f.started_ms) AS first_token_ms,
    epoch,
    seq,
    batch
FROM {database}.request_rows FINAL;
