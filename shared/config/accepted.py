"""LiteLLM's documented settings that Meterhouse accepts without giving effect to them.

They are named in a warning when they are used, with the reason that heads them here. A setting that gains an effect
moves from here into the shape of its section. Source: LiteLLM's pages "All settings" and "config.yaml".
"""

import re
from functools import cache

_PRICES = "no provider says how much of it a call used"
_PRICE_NAME = re.compile(r"_cost(_|$)|^cost_|(^|_)pricing$")

ACCEPTED: dict[str, dict[str, str]] = {
    "": {
        "tools, files, vector stores and prompts are not served yet": """mcp_servers mcp_tools search_tools
            vector_store_registry prompts files_settings finetune_settings assistant_settings""",
        "guardrails are attached by request or by default": "policies policy_attachments",
        "callbacks other than prometheus are not called yet": "callback_settings",
        "one gateway is managed at a time": "worker_registry",
    },
    "model_list[].litellm_params": {
        "limits of a deployment are not kept yet": """itpm otpm max_parallel_requests max_budget budget_duration
            default_api_key_tpm_limit default_api_key_rpm_limit max_file_size_mb""",
        "deployments are chosen by order, weight and health": """cooldown_time tag_regex silent_model
            auto_router_config auto_router_config_path auto_router_default_model auto_router_embedding_model
            auto_router_max_input_chars complexity_router_config complexity_router_default_model
            adaptive_router_config adaptive_router_default_model quality_router_config quality_router_default_model""",
        "files in buckets and IBM's cloud are not served yet": """aws_bedrock_project_id aws_batch_role_arn bedrock_tags
            watsonx_region_name gcs_bucket_name s3_bucket_name s3_region_name s3_encryption_key_id
            s3_output_bucket_name use_xai_oauth""",
        "`extra_headers` and `extra_body` add to a call": """headers default_headers allowed_openai_params
            cache_control_injection_points merge_reasoning_content_in_choices""",
        "guardrails are attached by request or by default": "guardrails",
        "streams are sent as the provider sends them": "keepalive_seconds allow_client_keepalive_override",
        "every call takes the chat route": "use_litellm_proxy use_chat_completions_api",
        "the `simulated` provider answers without a key": "mock_response litellm_trace_id",
        "it is read from `model_info`": "base_model model_info",
        "vector stores are not served yet": """vector_store_id vector_bucket_name index_name embedding_model
            milvus_text_field milvus_db_name milvus_partition_names valkey_host valkey_port valkey_password valkey_ssl
            valkey_text_field valkey_embedding_field""",
        _PRICES: """input_cost_per_video_per_second cache_creation_input_audio_token_cost
            google_maps_grounding_cost_per_query vector_store_cost_per_gb_per_day computer_use_input_cost_per_1k_tokens
            computer_use_output_cost_per_1k_tokens""",
    },
    "litellm_settings": {
        "callbacks other than prometheus are not called yet": """success_callback failure_callback service_callback
            service_callbacks s3_callback_params langfuse_default_tags langfuse_enable_update_trace_keys
            turn_off_message_logging redact_user_api_key_info prometheus_metrics_config
            prometheus_initialize_budget_metrics custom_prometheus_metadata_labels custom_prometheus_tags
            require_auth_for_metrics_endpoint
            disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only
            enable_end_user_cost_tracking_prometheus_only request_correlation_in_logs""",
        "answers are not cached yet": """cache cache_params enable_redis_auth_cache force_redis_hash_tag_grouping""",
        "budgets are kept by key": """max_internal_user_budget default_max_internal_user_budget
            max_ui_session_budget default_team_settings
            tag_budget_config budget_reset_time key_generation_settings enable_key_alias_format_validation
            key_alias_pattern""",
        "requests are sent as the client wrote them": """modify_params add_function_to_prompt
            enable_json_schema_validation enable_preview_features route_all_chat_openai_to_responses
            use_chat_completions_url_for_anthropic_messages disable_add_transform_inline_image_block
            disable_copilot_system_to_assistant disable_stop_sequence_limit overwrite_user_with_key_hash
            return_response_headers forward_traceparent_to_llm_provider token_counter disable_hf_tokenizer_download""",
        "the connection to providers has no such switch": """ssl_verify force_ipv4 http2 disable_aiohttp_transport
            user_url_validation user_url_allowed_hosts""",
        "guardrails stand in their own section": """guardrails skip_system_message_in_guardrail
            skip_tool_message_in_guardrail""",
        "every event of the control plane is kept anyway": "store_audit_logs",
        "tools, files and model pages are not served yet": "mcp_aliases require_managed_files public_model_groups",
    },
    "router_settings": {
        "state is shared over NATS, no Redis is needed": """redis_host redis_port redis_password redis_db redis_url
            cache_kwargs""",
        "answers are not cached yet": "cache_responses caching_groups",
        "deployments are chosen by order, weight and health": """routing_groups optional_pre_call_checks
            deployment_affinity_ttl_seconds model_group_affinity_config enable_weighted_failover tag_routing_prefix
            enable_health_check_routing background_health_check_model_groups health_check_staleness_threshold
            health_check_ignore_transient_errors""",
        "requests are not queued by priority": """default_max_parallel_requests default_priority polling_interval""",
        "it configures LiteLLM's own objects": """alerting_config assistants_config guardrail_list search_tools
            router_general_settings ignore_invalid_deployments client_ttl debug_level set_verbose""",
        "streams are sent as the provider sends them": "keepalive_seconds allow_client_keepalive_override",
    },
    "general_settings": {
        "records are kept in NATS and ClickHouse, there is no SQL database": """database_type
            database_connection_pool_limit database_connection_timeout database_connection_pool_timeout
            database_connect_timeout database_socket_timeout database_statement_timeout database_lock_timeout
            database_extra_connection_params database_disable_prepared_statements allow_requests_on_db_unavailable
            disable_prisma_schema_update store_model_in_db supported_db_objects proxy_config_reload_interval_seconds
            disable_adding_master_key_hash_to_db use_redis_transaction_buffer coordination_redis
            user_api_key_cache_ttl user_api_key_cache_max_size scheduled_job_stagger""",
        "every fact is kept and every cost counted": """disable_spend_logs disable_spend_updates disable_error_logs
            disable_reset_budget disable_budget_reservation proxy_batch_write_at proxy_budget_rescheduler_min_time
            proxy_budget_rescheduler_max_time fail_closed_budget_enforcement fail_closed_rate_limit_enforcement
            enforce_fallback_budget spend_capture_rate_check scope_spend_list_endpoints_to_caller
            legacy_unscoped_spend_list_endpoints""",
        "facts are kept without a limit of age": """maximum_spend_logs_retention_period
            maximum_spend_logs_retention_interval maximum_daily_tag_spend_retention_period
            maximum_spend_logs_cleanup_cron maximum_spend_logs_cleanup_batch_size maximum_spend_logs_cleanup_max_batches
            maximum_spend_logs_cleanup_run_budget maximum_spend_logs_cleanup_batch_timeout
            spend_logs_metadata_fields""",
        "only budgets are alerted of": """alerting_threshold alerting_args alert_type_config
            spend_report_frequency""",
        "health is learned from the calls themselves": """background_health_checks health_check_interval
            health_check_details health_check_concurrency enable_health_check_routing
            health_check_staleness_threshold health_check_ignore_transient_errors background_health_check_model_groups
            health_check_skip_disabled_background_models use_shared_health_check enable_drain_endpoint
            drain_endpoint_token""",
        "clients sign in with keys": """custom_auth custom_auth_run_common_checks custom_key_generate custom_key_update
            custom_key_policy custom_sso custom_ui_sso_sign_in_handler enable_jwt_auth litellm_jwtauth enforce_rbac
            enable_oauth2_auth enable_oauth2_proxy_auth oauth2_config_mappings allow_user_auth role_permissions
            service_account_settings default_team_disabled disable_auto_add_proxy_admin_to_teams
            dangerously_permit_weak_or_unset_master_key litellm_license""",
        "secrets come from the environment": """key_management_system key_management_settings use_azure_key_vault
            use_google_kms""",
        "routes and addresses are not restricted yet": """allowed_routes public_routes admin_only_routes allowed_ips
            use_x_forwarded_for trusted_proxy_ranges max_failed_login_attempts_per_source
            max_failed_login_attempts_per_source_overrides failed_login_window_seconds failed_login_block_seconds
            disable_responses_id_security allow_unmanaged_response_ids""",
        "only the size of requests is limited": """max_response_size_mb max_batch_file_uploads_per_day
            max_file_downloads_per_minute allowed_file_extensions blocked_file_extensions""",
        "requests are limited by key": """max_parallel_requests
            max_in_flight_requests_per_worker max_queued_requests_per_worker admission_queue_timeout_seconds
            disable_retry_on_max_parallel_request_limit_error disable_batch_input_file_rate_limiting
            skip_batch_input_file_rate_limiting_for_providers skip_batch_input_file_rate_limiting_for_models""",
        "requests are taken as the client wrote them": """enforce_user_param enforced_params
            reject_clientside_metadata_tags missing_session_id completion_model
            image_generation_model embedding_model moderation_model infer_model_from_keys
            always_include_stream_usage sse_keepalive_ping_interval_seconds include_call_id_in_error_body
            enforce_fallback_model_access dangerously_allow_mock_testing_request_params""",
        "only Meterhouse's own headers go to providers": """forward_client_headers_to_llm_api forward_openai_org_id
            forward_llm_provider_auth_headers allow_client_side_credentials""",
        "passing requests through unread is not served": """pass_through_endpoints pass_through_request_timeout
            use_client_credentials_pass_through_routes proxy_batch_polling_interval""",
        "the dashboard has its own settings": """ui_access_mode disable_master_key_return disable_env_credential_login
            auto_redirect_ui_login_to_sso allow_cli_sso_verification_uri_complete control_plane_url""",
        "tools and vector stores are not served yet": """enable_mcp_registry user_mcp_management_mode
            mcp_client_side_auth_header_name mcp_internal_ip_ranges mcp_trusted_proxy_ranges mcp_required_fields
            require_end_user_mcp_access_defined require_key_mcp_access_defined search_tools
            search_tool_deny_by_default vector_store_deny_by_default""",
    },
}
"""Section -> reason -> names of settings."""


def reason_without_effect(section: str, name: str) -> str | None:
    """Return why a setting LiteLLM documents has no effect, or None where it documents no such setting."""
    if section == "model_list[].litellm_params" and _PRICE_NAME.search(name):
        return _PRICES
    return _reasons().get(section, {}).get(name)


def accepted_names(section: str) -> list[str]:
    return list(_reasons().get(section, {}))


@cache
def _reasons() -> dict[str, dict[str, str]]:
    return {
        section: {name: reason for reason, names in reasons.items() for name in names.split()}
        for section, reasons in ACCEPTED.items()
    }
