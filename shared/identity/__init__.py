"""Who a key is, whom it belongs to, and what they are allowed: the same answer in every service."""
