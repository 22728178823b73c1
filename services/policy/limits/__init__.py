"""Rate limits: sliding windows and requests at a time, decided together with the budgets from the same journal."""
