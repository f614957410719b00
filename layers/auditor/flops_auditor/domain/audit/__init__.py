"""The audit of a run from its evidence, the content of its record, the forecast of a running one, the plan."""
