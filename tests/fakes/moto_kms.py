"""moto hashes a message once more even when MessageType is DIGEST (moto 5.2.5); KMS does not. This closes the gap."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from moto import mock_aws

from tests.fakes.moto_s3 import listed_without_copies


@contextmanager
def kms_client() -> Iterator[Any]:
    """A KMS client on moto whose keys sign and verify SHA-256 digests; any other MessageType fails."""
    how = ec.ECDSA(utils.Prehashed(SHA256()))

    def sign(self: Any, message: bytes, signing_algorithm: str) -> bytes:
        assert signing_algorithm == "ECDSA_SHA_256"
        return bytes(self.private_key.sign(message, how))

    def verify(self: Any, message: bytes, signature: bytes, signing_algorithm: str) -> bool:
        assert signing_algorithm == "ECDSA_SHA_256"
        try:
            self.private_key.public_key().verify(signature, message, how)
        except InvalidSignature:
            return False
        return True

    def digests_only(params: dict[str, Any], **_: Any) -> None:
        assert params["MessageType"] == "DIGEST"

    key = "moto.kms.utils.ECDSAPrivateKey"
    with mock_aws(), listed_without_copies(), patch(f"{key}.sign", sign), patch(f"{key}.verify", verify):
        client = boto3.client("kms", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
        for operation in ("Sign", "Verify"):
            client.meta.events.register(f"provide-client-params.kms.{operation}", digests_only)
        yield client
