"""Whoever has budgets and limits besides keys: one aggregate each, and what is the same for all kinds of them."""
