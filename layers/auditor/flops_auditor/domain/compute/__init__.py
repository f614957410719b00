"""How many FLOP a run took: hardware, tokens, the tiers of evidence, and energy."""
