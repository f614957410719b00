"""How AWS is called, and how its refusals are named."""
