"""Triggers: follow a job in the triggerer."""
