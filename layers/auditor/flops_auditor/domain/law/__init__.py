"""What the rules say: thresholds, verdicts against them, duties and due dates."""
