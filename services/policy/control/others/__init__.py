"""Holders that stand alone: shared budgets, customers (end users) and tags."""
