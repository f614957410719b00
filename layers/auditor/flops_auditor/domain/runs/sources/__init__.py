"""One parser for each service that runs training: from its answers to a run."""
