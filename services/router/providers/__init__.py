"""What a provider is, one adapter for each protocol, and the rows of those that share OpenAI's."""
