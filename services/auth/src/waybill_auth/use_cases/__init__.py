"""What auth does: one verb a file, each with its ports as parameters."""
