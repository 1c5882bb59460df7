"""Grids, saved results and the demo's page."""
