"""`flops-auditor keys`: which keys sign the ledger, and how a new one takes over."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores.kms import KmsSigner
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.ledger.key_history import ROLES
from flops_auditor.use_cases.ledger.rotate_key import keys_after, request_rotation
from flops_auditor_cli.deployment import StackValues, Target, find_deployment, talks_to_aws
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.view import Table, View, show

COLUMNS = {"role": "Role", "keyid": "Key id (SHA-256 of SPKI)", "state": "State"}
OUTPUTS = {"record": "RecordKeyArn", "checkpoint": "CheckpointKeyArn"}


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command("list")(list_keys)
    app.command("rotate")(rotate)


def _archive(deployment: StackValues) -> S3Archive:
    return S3Archive(client("s3"), deployment.output("ArchiveBucketName"))


@talks_to_aws()
def list_keys(target: Target, output: OutputOption = Output.TABLE) -> None:
    """List the keys of the ledger, oldest first; a rotation counts from when it was asked for."""
    deployment = find_deployment(target)
    history, _ = keys_after(_archive(deployment), deployment.output("LedgerId"))
    current = {role: history.current(role).keyid for role in ROLES}
    rows = [
        {"role": key.role, "keyid": key.keyid, "state": "in force" if key.keyid == current[key.role] else "replaced"}
        for key in history.ranges
    ]
    show(View("keys", {"keys": rows}, [Table(COLUMNS, rows)], rows, tuple(COLUMNS)), output)


@talks_to_aws()
def rotate(
    role: Annotated[
        Literal["record", "checkpoint"], typer.Argument(metavar="record|checkpoint", help="Whose key is replaced.")
    ],
    new_key_id: Annotated[str, typer.Option(help="KMS key id or ARN of the new key (ECC_NIST_P256, SIGN_VERIFY).")],
    old_key_id: Annotated[str, typer.Option(help="KMS key in force; default: the one that the stack names.")] = "",
    *,
    target: Target,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask for a new key, signed by the old and by the new one; the next seal puts it into the log.

    Needs kms:Sign on both keys, which their key policies grant to nobody but the functions: allow it for this once.
    """
    deployment = find_deployment(target)
    kms = client("kms")
    old = KmsSigner(kms, old_key_id or deployment.output(OUTPUTS[role]))
    number = request_rotation(
        _archive(deployment),
        deployment.output("LedgerId"),
        role,
        old,
        KmsSigner(kms, new_key_id),
        datetime.now(UTC),
    )
    row = {"role": role, "number": number, "new_key_id": new_key_id}
    columns = {"role": "Role", "number": "Rotation", "new_key_id": "New key"}
    show(View("rotation", row, [Table(columns, [row])], [row]), output)
    say("now let the functions use the new key; disable the old one after the next seal, and keep it")
