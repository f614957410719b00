"""What people are told, in words made from values."""
