"""Tables shipped with the product: accelerators, instance types, base models, policies. Each row names its source."""
