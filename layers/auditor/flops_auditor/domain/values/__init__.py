"""Amounts, points in time, verdicts and errors: what every other room is written in."""
