"""What one audit costs on AWS: the calls that the integration tests recorded, at list prices.

Run as `python -m bench.cost CALLS.jsonl`; the file is the one that RECORD_CALLS_IN names (tests/integration/recording).
A record is counted by its signature. Prices are list prices of us-east-1 in USD without free tier: put in your own.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

MILLION = Decimal(1_000_000)
# (IAM service, operation): USD for one call. A DynamoDB read is under 4 KB, a put 8 write units with its indexes;
# listing S3 costs what a PUT does; GetMetricData is billed by the metric, here the four statistics of one host.
PRICES = {
    ("dynamodb", "GetItem"): Decimal("0.125") / MILLION,
    ("dynamodb", "Query"): Decimal("0.125") / MILLION,
    ("dynamodb", "PutItem"): Decimal("0.625") / MILLION * 8,
    ("s3", "PutObject"): Decimal("5") / MILLION,
    ("s3", "ListObjectVersions"): Decimal("5") / MILLION,
    ("s3", "GetObject"): Decimal("0.4") / MILLION,
    ("kms", "Sign"): Decimal("15") / MILLION,
    ("kms", "GetPublicKey"): Decimal("15") / MILLION,
    ("monitoring", "GetMetricData"): Decimal("10") / MILLION * 4,
    ("sns", "Publish"): Decimal("20.5") / MILLION,
    ("sqs", "SendMessageBatch"): Decimal("0.4") / MILLION,
}
FREE = {("sagemaker", name) for name in ("DescribeTrainingJob", "ListTags", "DescribeModelPackage")}


def main() -> None:
    """Print the table for the audit function."""
    calls: Counter[tuple[str, str]] = Counter()
    for line in Path(sys.argv[1]).read_text().splitlines():
        call = json.loads(line)
        if "-AuditFunction-" in call["function"]:
            calls[(call["service"], call["operation"])] += 1
    records = calls[("kms", "Sign")]
    total = Decimal(0)
    print(f"| call | per record ({records} records) | USD per 1,000 records |\n| --- | ---: | ---: |")
    for name, count in sorted(calls.items()):
        each = Decimal(count) / records
        price = Decimal(0) if name in FREE else PRICES[name] * each * 1000
        total += price
        print(f"| {name[0]}:{name[1]} | {each:.1f} | {price:.4f} |")
    print(f"| **all calls** | {Decimal(sum(calls.values())) / records:.1f} | **{total:.3f}** |")


if __name__ == "__main__":
    main()
