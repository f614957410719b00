"""The law as a table of cases: each with its paragraph and what is expected, worked out by hand."""
