"""OpenAI chat completions to and from Cohere's v2 Chat API: translation only, no I/O.

Format: https://docs.cohere.com/reference/chat and https://docs.cohere.com/reference/chat-stream
"""
