"""The /organization routes: LiteLLM's paths, fields, answers and statuses, without its licence."""
