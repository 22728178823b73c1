"""Virtual keys and their aliases: aggregates, terms, commands, and how they are shown."""
