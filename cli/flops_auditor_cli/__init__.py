"""The command line: one module for each command, what they share, and the local AWS of demo and tests."""
