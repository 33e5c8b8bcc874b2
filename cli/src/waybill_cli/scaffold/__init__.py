"""Writes a new service into a clone of this repository: its files from templates, and its lines in shared files."""
