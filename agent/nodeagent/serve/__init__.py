"""Metrics for Prometheus: a snapshot made outside of any scrape, and the server that shows it."""
