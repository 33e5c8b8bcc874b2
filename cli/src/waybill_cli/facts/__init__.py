"""What is asked of the sources, and what the answers mean; nothing here writes anything."""
