"""The /team routes: LiteLLM's paths, fields, answers and statuses."""
