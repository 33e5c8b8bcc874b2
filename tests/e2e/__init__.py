"""The same scenarios against one process and against the real processes."""
