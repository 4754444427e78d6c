"""Preheat makes container images warm in Dragonfly before anyone pulls them, and proves it."""

__version__ = "0.1.0"
