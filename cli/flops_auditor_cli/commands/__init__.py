"""One module per command, each with a `register` function; none of them imports another."""
