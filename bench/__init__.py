"""Benchmarks: each path beside its floor, measured in one run on one machine; quote the ratios."""
