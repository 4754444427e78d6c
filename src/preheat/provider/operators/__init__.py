"""Operators: plan, hand out placements, report."""
