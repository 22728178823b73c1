"""What a key may ask for, and what is known of it: model names, their limits, and what they cost."""
