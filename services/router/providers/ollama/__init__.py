"""OpenAI chat completions to and from Ollama's own /api/chat: translation only, no I/O.

Format: https://docs.ollama.com/api/chat
"""
