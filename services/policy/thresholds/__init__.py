"""Which budgets have come how far: told once for each threshold, in each window, whoever owns them by then."""
