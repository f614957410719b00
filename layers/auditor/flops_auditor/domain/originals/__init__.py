"""The model that the training began with, and how much compute it took."""
