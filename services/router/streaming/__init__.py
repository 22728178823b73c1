"""What happens to an answer while it passes: read, counted, cut where the money ends, and written on to the edge."""
