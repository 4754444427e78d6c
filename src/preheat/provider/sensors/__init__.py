"""Sensors: wait until a placement is warm."""
