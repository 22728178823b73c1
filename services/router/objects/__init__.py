"""Files and batches that a provider keeps: the calls that concern them, and what is remembered of each."""
