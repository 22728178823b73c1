"""Partitions: who owns one, its journal, and how it decides from memory and answers once the journal has it."""
