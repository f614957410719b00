"""Reading the jobs of a service on AWS, at the pace and in the regions that the stack's parameters say."""

from collections.abc import Sequence

from flops_auditor.aws.calls.clients import batch_listing_in, bedrock_listing_in, client, sagemaker_listing_in
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.aws.sources.batch import BatchListing
from flops_auditor.aws.sources.bedrock import BedrockListing
from flops_auditor.aws.sources.regions import SAGEMAKER, AccountRegions
from flops_auditor.aws.sources.sagemaker import SageMakerListing
from flops_auditor.aws.sources.sagemaker_jobs import SageMakerJobListing
from flops_auditor.aws.sources.training_sessions import SessionListing
from flops_auditor.aws.stores.dynamodb_reading import DynamoDbReadings
from flops_auditor.aws.wiring.environment import ListingEnvironment, ReportEnvironment
from flops_auditor.aws.wiring.recording import now
from flops_auditor.domain.runs.sources.sagemaker_job_answer import CATEGORIES
from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.ports.sources import JobListing


def regions_from(environment: ListingEnvironment | ReportEnvironment, service: str = SAGEMAKER) -> AccountRegions:
    """Where jobs of a service are looked for."""
    return AccountRegions(lambda: client("ec2"), environment.regions, environment.excluded_regions, service)


def reader_from(environment: ListingEnvironment, table_name: str, reader: str) -> JobReader:
    """Reads training jobs on from where `reader`, RECONCILE or WATCH, stopped."""
    return _reading(SageMakerListing(sagemaker_listing_in, Pace(float(environment.listing_rate))), table_name, reader)


def customization_reader_from(environment: ListingEnvironment, table_name: str, reader: str) -> JobReader:
    """Reads model customization jobs on from where `reader` stopped."""
    return _reading(BedrockListing(bedrock_listing_in, Pace(float(environment.listing_rate))), table_name, reader)


def session_reader_from(environment: ListingEnvironment, table_name: str, reader: str) -> JobReader:
    """Reads training sessions on from where `reader` stopped."""
    return _reading(SessionListing(sagemaker_listing_in, Pace(float(environment.listing_rate))), table_name, reader)


def newer_jobs_reader_from(
    environment: ListingEnvironment, table_name: str, reader: str, categories: Sequence[str] = CATEGORIES
) -> JobReader:
    """Reads SageMaker's jobs of these categories on from where `reader` stopped."""
    rate = float(environment.listing_rate)
    listing = SageMakerJobListing(sagemaker_listing_in, lambda: Pace(rate), categories, side_by_side)
    return _reading(listing, table_name, reader)


def batch_reader_from(environment: ListingEnvironment, table_name: str, reader: str) -> JobReader:
    """Reads AWS Batch's jobs on from where `reader` stopped."""
    rate = float(environment.listing_rate)
    return _reading(BatchListing(batch_listing_in, lambda: Pace(rate)), table_name, reader)


def _reading(listing: JobListing, table_name: str, reader: str) -> JobReader:
    return JobReader(listing=listing, store=DynamoDbReadings(client("dynamodb"), table_name, reader), clock=now)
