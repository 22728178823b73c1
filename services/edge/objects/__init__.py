"""What a provider keeps for a client: files and batches in OpenAI's form, each seen by its owner alone."""
