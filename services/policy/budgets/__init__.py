"""What may be spent: accounts as a fold, and the decisions over them. Pure: values in, values out, no bus, no clock."""
