"""Embeddings and rankings of providers whose forms differ from OpenAI's and Cohere's."""
