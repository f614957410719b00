"""The doors that a statement on a bill may name, and what each is for."""

PURPOSE_OF_DOOR = {
    "bedrock-customisation": "training",
    "ec2": "possible",
    "ec2-idle": "other",
    "sagemaker-hyperpod": "possible",
    "sagemaker-inference": "other",
    "sagemaker-notebooks": "other",
    "sagemaker-processing": "other",
    "sagemaker-tokens": "training",
    "sagemaker-training": "training",
    "sagemaker-unknown": "possible",
}
"""What is charged, and whether it trains: of what is `other` no share is made. A statement does not choose it.
This room may not import the bill's doors: a test holds that they are the same.
"""
DOORS_WITH_RECORDS = ("sagemaker-training", "sagemaker-unknown")
"""Doors whose hours a record can explain: lines of them name a job. Of a cluster, of a host of EC2 or of a notebook no
line does. A test holds that the bill's are the same.
"""
