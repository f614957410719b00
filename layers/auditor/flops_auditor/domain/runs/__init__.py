"""A training run: what is known of it, what it declares of itself, and the evidence of both."""
