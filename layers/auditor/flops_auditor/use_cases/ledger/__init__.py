"""Sealing the log, exporting and verifying it, and its keys."""
