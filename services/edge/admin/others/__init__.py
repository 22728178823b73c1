"""The /budget, /customer and /tag routes: LiteLLM's paths, fields, answers and statuses."""
