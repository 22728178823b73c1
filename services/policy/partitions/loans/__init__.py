"""What one partition lends another of an account that is at home in it."""
