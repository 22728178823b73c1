"""What a provider keeps for a client: files, batches, responses and other objects, and whose each is."""
