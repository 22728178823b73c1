"""Windows of budgets as time passes: the next is opened, the last one told of, who is gone forgotten."""
