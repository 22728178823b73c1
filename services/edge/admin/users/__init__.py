"""The /user routes: LiteLLM's paths, fields, answers and statuses."""
