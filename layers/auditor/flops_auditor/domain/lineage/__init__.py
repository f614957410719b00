"""Which runs made the model that a run continues: places, packages, ancestors."""
