"""Adapters for what is asked: SageMaker, CloudWatch, regions, the deployed stack."""
