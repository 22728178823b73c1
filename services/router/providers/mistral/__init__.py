"""Mistral's chat: OpenAI's but for what it refuses and how it thinks.

Format: https://docs.mistral.ai/api/#tag/chat
"""
