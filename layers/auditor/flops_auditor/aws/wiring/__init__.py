"""Which adapters each function works with, from its environment."""
