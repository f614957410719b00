"""What is handed to an authority, or to another tool: forms and bills of materials, as values and as their formats."""
