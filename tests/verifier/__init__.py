"""The page's core beside the Python verifier: the same verdict, under the same names."""
