"""The policies, tried from the other side: what a principal must not do is refused, and succeeds where it may be done.

Judged by the emulator with AUTH=true, on a stack of its own: every case of `other_side.CASES` is a real call of the
deployed stack. moto evaluates no conditions, so it judges none. The emulator lets root pass, and nobody
can call it as a service, another account or a replication: `evaluated_side.CASES` are judged by `policy_evaluation`
from the deployed documents. Plain HTTP: the emulator listens to TLS alone; it is told by X-Forwarded-Proto, as a proxy
would tell it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flops_auditor_cli.local_aws import start, stop
from tests.faults import told
from tests.integration.built import deploy_shared
from tests.integration.conftest import OPERATORS_BUCKET
from tests.integration.evaluated_side import CASES as EVALUATED
from tests.integration.evaluated_side import Evaluated
from tests.integration.other_side import (
    AMENDER,
    CASES,
    LOCK,
    OTHER,
    REFUSALS,
    Case,
    Site,
    existing,
    make_role,
    role_arn,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Site]:
    """A stack of its own, for the cases write into the log; with a role that may amend, and ten years' retention."""
    state = tmp_path_factory.mktemp("other-side")
    running = start(state, enforce=True)
    try:
        make_role(running, AMENDER)
        opened = {"AmenderArn": role_arn(running, AMENDER), "ClusterFiles": OPERATORS_BUCKET}
        deploy_shared(running, shared, {**opened, "Schedules": "DISABLED"})
        yield Site(running)
    finally:
        stop(state)


def refusal(call: Any, site: Site) -> str:
    """Code and message of what refuses a call."""
    with pytest.raises(ClientError) as refused:
        call(site)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error.get('Message')}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(case: Case, site: Site) -> None:
    assert re.match(REFUSALS[case.by], refusal(case.call, site))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_call_succeeds_where_it_may(case: Case, site: Site) -> None:
    case.control(site)


@pytest.mark.parametrize("case", EVALUATED, ids=lambda case: case.name)
def test_refused_by_the_deployed_documents(case: Evaluated, site: Site) -> None:
    assert not case.refused.allowed(site)
    assert case.control.allowed(site)


# Of each statement of the archive's policy a case that it alone refuses.
ALONE = {
    "TlsOnly": "recorder: writes over plain HTTP",
    "ObjectsAreOnlyReadAndPut": f"{OTHER}: deletes an object (a delete marker)",
    "NothingIsOverwritten": "recorder: overwrites without the condition",
    "OnlyTheRecorderWritesRecords": f"{OTHER}: writes `evidence/`",
    "OnlyTheSealerWritesTheLog": f"{AMENDER}: writes `log/`",
    "OnlyTheClustersFunctionKeepsWhatAwsSaysOfThem": f"{OTHER}: writes `clusters/`",
    "BucketIsChangedByItsStackAlone": f"{OTHER}: changes the encryption",
}


@pytest.mark.parametrize("sid", ALONE)
def test_it_is_this_statement_that_refuses(sid: str, site: Site) -> None:
    deployed = site.bucket_policy()
    less = deployed | {"Statement": [each for each in deployed["Statement"] if each["Sid"] != sid]}
    [case] = [case for case in CASES if case.name == ALONE[sid]]
    try:
        site.root("s3").put_bucket_policy(Bucket=site.archive, Policy=json.dumps(less))
        case.call(site)
    finally:
        site.root("s3").put_bucket_policy(Bucket=site.archive, Policy=json.dumps(deployed))
    assert len(less["Statement"]) == len(deployed["Statement"]) - 1


# The others, judged from the document: by what the cases say.
JUDGED = {
    "ObjectsAreOnlyReadAndPut": "in place",
    "NothingIsPutOutOfReach": "into a class of storage",
    "NothingIsPutUnderAnotherKey": "that its writer keeps",
    "NothingIsPutUnderAKeyOfOthers": "under a KMS key of another account",
}


@pytest.mark.parametrize("sid", JUDGED)
def test_it_is_this_statement_of_the_document_that_refuses(sid: str, site: Site) -> None:
    """So every statement of the policy refuses something that no other does."""
    statements = site.bucket_policy()["Statement"]
    assert {each["Sid"] for each in statements} == ALONE.keys() | JUDGED.keys()
    less = [each for each in statements if each["Sid"] != sid]
    attempts = [case.refused for case in EVALUATED if JUDGED[sid] in case.what]
    assert attempts
    assert all(replace(attempt, policy=lambda _: {"Statement": less}).allowed(site) for attempt in attempts)


@pytest.mark.parametrize("who", ["recorder", AMENDER])
def test_whoever_may_amend_writes_and_signs_records(who: str, site: Site) -> None:
    """So that what the amender is refused is not refused to everybody."""
    site.client(who, "s3").put_object(Bucket=site.archive, Key=f"records/by-{who}", Body=b"x", IfNoneMatch="*")
    site.client(who, "kms").sign(
        KeyId=site.output("RecordKeyArn"), Message=b"\x22" * 32, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
    )


def test_object_lock_holds_without_the_bucket_policy(site: Site) -> None:
    """An administrator can remove the policy (docs/threat-model.md). COMPLIANCE still lets nobody delete or shorten."""
    key, version = existing(site, site.archive)
    s3, held = site.client(OTHER, "s3"), site.root("s3").get_bucket_policy(Bucket=site.archive)["Policy"]
    s3.delete_bucket_policy(Bucket=site.archive)
    try:
        until = s3.get_object_retention(Bucket=site.archive, Key=key)["Retention"]["RetainUntilDate"]
        named = {"Bucket": site.archive, "Key": key, "VersionId": version, "BypassGovernanceRetention": True}
        deletion = refusal(lambda _: s3.delete_object(**named), site)
        sooner = {"Mode": "COMPLIANCE", "RetainUntilDate": until.replace(year=until.year - 5)}
        shortening = refusal(lambda _: s3.put_object_retention(**named, Retention=sooner), site)
    finally:
        s3.put_bucket_policy(Bucket=site.archive, Policy=held)
    assert re.match(REFUSALS[LOCK], deletion)
    assert re.match(REFUSALS[LOCK], shortening)
    assert s3.get_object(Bucket=site.archive, Key=key, VersionId=version)["Body"].read() == b"first"


def test_names_are_unique() -> None:
    names = [case.name for case in (*CASES, *EVALUATED)]
    assert sorted(set(names)) == sorted(names)
    told(f"other side: {len(CASES)} calls refused by the emulator, {len(EVALUATED)} judged from the deployed policies")
