"""Databricks: OpenAI's bodies, but for the thoughts of Claude's models, and tokens of service principals."""
