"""OpenAI chat completions to and from Replicate's predictions: translation only, no I/O.

Format: https://replicate.com/docs/reference/http and https://replicate.com/docs/topics/predictions/streaming
"""
