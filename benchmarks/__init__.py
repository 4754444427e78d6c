"""Measurements against the goals of Preheat: ``make bench``."""
