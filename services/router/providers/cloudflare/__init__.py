"""Cloudflare Workers AI: its OpenAI-compatible endpoint, and its own one that runs a model.

Formats: https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/,
https://developers.cloudflare.com/api/resources/ai/methods/run/
"""
