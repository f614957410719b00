"""boto3's clients, which the layer keeps for a process."""

from flops_auditor.aws.calls import clients


def forget_clients() -> None:
    """All that were made: they keep the credentials and addresses that they found."""
    for each in (clients.client, clients.listing_client):
        each.cache_clear()
