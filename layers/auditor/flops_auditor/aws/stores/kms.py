"""Signing and checking with AWS KMS (ECC_NIST_P256, ECDSA_SHA_256)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


class KmsSigner:
    """The Signer port on one KMS key. MessageType is DIGEST, since RAW fails above 4096 bytes."""

    def __init__(self, client: "KMSClient", key_id: str) -> None:
        self._client = client
        self._key_id = key_id
        self._public_key: bytes | None = None

    def sign(self, digest: bytes) -> bytes:
        """ASN.1 DER signature over a SHA-256 digest."""
        answer = self._client.sign(
            KeyId=self._key_id, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
        )
        return answer["Signature"]

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER; asked for once."""
        if self._public_key is None:
            self._public_key = self._client.get_public_key(KeyId=self._key_id)["PublicKey"]
        return self._public_key
