"""Every Signer behaves alike: in memory, and on KMS."""

from collections.abc import Iterator
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from flops_auditor.aws.stores.kms import KmsSigner
from flops_auditor.use_cases.ports.ledger import Signer
from tests.fakes.ledger import MemorySigner
from tests.fakes.moto_kms import kms_client


@pytest.fixture(params=["memory", "kms"])
def signer(request: pytest.FixtureRequest) -> Iterator[Signer]:
    if request.param == "memory":
        yield MemorySigner()
        return
    with kms_client() as client:
        key = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        yield KmsSigner(client, key["KeyId"])


def test_the_public_key_verifies_the_signature_over_the_digest(signer: Signer) -> None:
    key = load_der_public_key(signer.public_key())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    message = b"x" * 5000
    key.verify(signer.sign(sha256(message).digest()), message, ec.ECDSA(SHA256()))
    key.verify(signer.sign(sha256(message).digest()), sha256(message).digest(), ec.ECDSA(utils.Prehashed(SHA256())))


def test_two_calls_give_two_signatures(signer: Signer) -> None:
    digest = sha256(b"once").digest()
    assert signer.sign(digest) != signer.sign(digest)
