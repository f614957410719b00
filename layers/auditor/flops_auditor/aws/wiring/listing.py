"""Reading training jobs on AWS, at the pace and in the regions that the stack's parameters say."""

from flops_auditor.aws.calls.clients import client, listing_client
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.regions import AccountRegions
from flops_auditor.aws.sources.sagemaker import SageMakerListing
from flops_auditor.aws.stores.dynamodb_reading import DynamoDbReadings
from flops_auditor.aws.wiring.environment import ListingEnvironment
from flops_auditor.aws.wiring.recording import now
from flops_auditor.use_cases.listing.job_reader import JobReader


def regions_from(environment: ListingEnvironment) -> AccountRegions:
    """Where training jobs are looked for."""
    return AccountRegions(client("ec2"), environment.regions, environment.excluded_regions)


def reader_from(environment: ListingEnvironment, table_name: str, reader: str) -> JobReader:
    """Reads training jobs on from where `reader`, RECONCILE or WATCH, stopped."""
    return JobReader(
        listing=SageMakerListing(listing_client, Pace(float(environment.listing_rate))),
        store=DynamoDbReadings(client("dynamodb"), table_name, reader),
        clock=now,
    )
