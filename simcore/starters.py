"""Scenario files to start from."""
