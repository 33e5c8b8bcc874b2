"""The commands, one module each: read the arguments, ask, write the answer."""
