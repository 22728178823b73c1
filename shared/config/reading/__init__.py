"""From files to plain values: YAML, includes, references to the environment, and what is refused or warned of."""
