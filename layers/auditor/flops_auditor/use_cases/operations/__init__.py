"""Whether everything was recorded and everything is healthy."""
