"""Azure: OpenAI's models under their deployments, and those of AI Foundry."""
