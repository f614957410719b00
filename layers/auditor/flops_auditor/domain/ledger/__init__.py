"""The log and its proofs: whoever distrusts us reads this room alone. It imports values and nothing else."""
