"""Answers to yes or no, in lower case, as settings give them."""

YES = frozenset({"true", "yes", "1"})
NO = frozenset({"", "false", "0", "no", "none", "null"})
