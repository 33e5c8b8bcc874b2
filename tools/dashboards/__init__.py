"""Grafana dashboards as compact descriptions; `tools/write_dashboards.py` makes JSON of them."""
