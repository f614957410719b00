"""What the bill says that ran, beside what the records explain of it."""
