"""A new account on the local AWS: ten executions at once, no reservation, a region that a policy closes."""
