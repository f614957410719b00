"""Whether records follow from their evidence: each by its figures, and all together by what continues what."""
