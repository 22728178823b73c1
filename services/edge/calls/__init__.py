"""Calls of models: which endpoints there are, and the one journey that each of their requests takes."""
