-- The archive: every fact as it was stored, its payload byte for byte. `seq` is its number in the stream FACTS.
-- The other columns are what the ledger read in the payload; kind 'unreadable' marks one that is no fact.
-- ReplacingMergeTree: a batch written again after a restore from a backup (the deduplication log is not in it) still
-- leaves each fact once. `at` is when the request was made, the same for all facts of one request.
CREATE TABLE IF NOT EXISTS {database}.facts {on_cluster} (
    epoch UInt32,
    seq UInt64,
    batch UInt64,
    stored_at DateTime64(3, 'UTC'),
    ts DateTime64(3, 'UTC'),
    at DateTime64(3, 'UTC'),
    kind LowCardinality(String),
    v UInt16,
    id String,
    request_id String,
    tenant LowCardinality(String),
    key LowCardinality(String),
    cost Decimal(38, 12),
    payload String CODEC(ZSTD(3)),
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(stored_at)
ORDER BY (epoch, seq)
SETTINGS {deduplication_window};
