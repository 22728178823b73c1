"""From events to what others watch: entries of the KEYS and HOLDERS buckets, and facts."""
