"""Keeping processes alive as a kubelet would: start in order, restart with back-off, list, stop."""
