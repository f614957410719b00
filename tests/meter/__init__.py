"""Tests of flops-meter, in an environment of their own with PyTorch: make test-meter."""
