"""Web hooks, called when a budget crosses a threshold. `door.py` is all of policy that speaks HTTP: decision 0010."""
