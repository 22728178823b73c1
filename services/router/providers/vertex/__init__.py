"""Google Cloud's Vertex AI: Gemini, and the models of others that it hosts, each in its maker's own form."""
