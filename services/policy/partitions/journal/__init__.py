"""A partition's journal: its messages, how it is read, and how its owner writes it."""
