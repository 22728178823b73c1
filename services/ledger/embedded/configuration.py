"""The engine's own configuration: what a server would read from config.xml and its user's profile."""

from pathlib import Path
from xml.sax.saxutils import escape

from services.ledger.embedded.sizing import Sizing


def server_xml(sizing: Sizing, *, backups: Path, fsync: bool) -> str:
    """Return config.xml. With `fsync` an answered insert survives a loss of power, not just of the process."""
    return f"""<!-- Written at each start; changes to it are lost. -->
<clickhouse>
  <max_server_memory_usage>{sizing.server_memory}</max_server_memory_usage>
  <mark_cache_size>{sizing.cache_bytes}</mark_cache_size>
  <primary_index_cache_size>{sizing.cache_bytes}</primary_index_cache_size>
  <index_mark_cache_size>{sizing.cache_bytes // 4}</index_mark_cache_size>
  <query_condition_cache_size>{sizing.cache_bytes // 4}</query_condition_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <!-- idle, the engine should cost nothing: less looking at the memory, fewer threads kept in stock -->
  <memory_worker_period_ms>500</memory_worker_period_ms>
  <max_thread_pool_free_size>16</max_thread_pool_free_size>
  <max_parts_cleaning_thread_pool_size>2</max_parts_cleaning_thread_pool_size>
  <max_active_parts_loading_thread_pool_size>4</max_active_parts_loading_thread_pool_size>
  <max_outdated_parts_loading_thread_pool_size>2</max_outdated_parts_loading_thread_pool_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>2</background_schedule_pool_size>
  <asynchronous_metrics_update_period_s>60</asynchronous_metrics_update_period_s>
  <asynchronous_heavy_metrics_update_period_s>600</asynchronous_heavy_metrics_update_period_s>
  <backups><allowed_path>{escape(str(backups))}</allowed_path></backups>
  <merge_tree>
    <!-- with so small a pool the default of 8 would leave parts of more than 400 MB unmerged for ever -->
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <fsync_after_insert>{int(fsync)}</fsync_after_insert>
    <fsync_part_directory>{int(fsync)}</fsync_part_directory>
  </merge_tree>
</clickhouse>
"""


def session_settings(sizing: Sizing) -> dict[str, str]:
    """Return what each handle starts with. A request may change all of it."""
    return {
        "max_threads": str(sizing.threads),
        "max_memory_usage": str(sizing.query_memory),
        "max_result_bytes": str(sizing.result_bytes),
        # as on a server, where "broken" is a syntax error and not SELECT broken
        "implicit_select": "0",
        # an insert is answered when it is on disk; engines differ in the default
        "async_insert": "0",
    }
