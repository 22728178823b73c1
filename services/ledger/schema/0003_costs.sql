-- What else makes up a cost, since the facts tell it: every class of usage, how it was served, what the provider said.
-- The columns of older rows are empty; their usage is in `f`, as before.
ALTER TABLE {database}.request_rows {on_cluster} ADD COLUMN IF NOT EXISTS c {cost_fields};

-- The view's own data is in request_rows: only what fills it is made anew. The ledger writes nothing meanwhile.
DROP VIEW IF EXISTS {database}.facts_to_request_rows {on_cluster};

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
    f,
    c
FROM (
    SELECT
        at, request_id, kind, epoch, seq, batch, ts, tenant, key, cost,
        JSONExtract(payload, '{fields}') AS f,
        JSONExtract(payload, '{cost_fields}') AS c
    FROM {database}.facts
    WHERE v = 1 AND kind IN ('completion.finished', 'completion.lost', 'request.denied')
);

DROP VIEW IF EXISTS {database}.requests {on_cluster};

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
    c.usage AS usage,
    c.usage['video_input'] AS tokens_video_input,
    c.usage['cached_audio_input'] AS tokens_cached_audio_input,
    c.usage['cached_image_input'] AS tokens_cached_image_input,
    c.usage['citations'] AS tokens_citations,
    c.usage['video_output'] AS tokens_video_output,
    f.usage_source AS usage_source,
    c.usage_check AS usage_check,
    c.service_tier AS service_tier,
    c.geo AS geo,
    c.cost_source AS cost_source,
    toDecimal128(c.computed_pico, 0) * toDecimal128('0.000000000001', 12) AS computed_cost,
    toDecimal128(c.reported_pico, 0) * toDecimal128('0.000000000001', 12) AS reported_cost,
    toDecimal128(c.discount_pico, 0) * toDecimal128('0.000000000001', 12) AS discount,
    toDecimal128(c.margin_pico, 0) * toDecimal128('0.000000000001', 12) AS margin,
    f.price.row AS price_row,
    c.price.source AS price_source,
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
