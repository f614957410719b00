"""Adapters for what is kept and sent: DynamoDB, S3, KMS, SQS, SNS."""
