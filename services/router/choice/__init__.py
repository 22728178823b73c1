"""Which deployment is tried, in which order, and which ones rest. Pure: chance and time are arguments."""
