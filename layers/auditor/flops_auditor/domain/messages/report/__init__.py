"""The report on a ledger as values: what its records say together, of each model, and as pictures."""
