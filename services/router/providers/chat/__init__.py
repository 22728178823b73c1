"""What translations of a chat read alike: its body, messages and tools, the answer's form, thoughts on both ways."""
