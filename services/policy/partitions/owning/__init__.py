"""Which process decides for a partition: leases, and what is opened and closed with them."""
