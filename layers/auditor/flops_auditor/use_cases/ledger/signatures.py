"""ECDSA P-256 over SHA-256, by the `cryptography` library. Used by the sealer and by every verifier."""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from flops_auditor.domain.ledger.dsse import Signature, parse_envelope, signed_line
from flops_auditor.domain.ledger.ledger_errors import UnknownKey

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of P-256 (SEC 2, section 2.4.2)."""
_ECDSA_SHA_256 = ECDSA(SHA256())


@lru_cache(maxsize=256)
def load_key(spki: bytes) -> EllipticCurvePublicKey:
    """A P-256 public key from its SPKI DER. Raises UnknownKey for any other."""
    try:
        key = load_der_public_key(spki)
    except ValueError as error:
        raise UnknownKey("a public key that is not SubjectPublicKeyInfo in DER") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise UnknownKey("a public key that is not on P-256")
    return key


def verifies(spki: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the ASN.1 DER signature is the key's over SHA-256 of the message."""
    try:
        load_key(spki).verify(signature, message, _ECDSA_SHA_256)
    except InvalidSignature:
        return False
    return True


def with_other_s(line: bytes) -> bytes:
    """An envelope's line with the other value of s in its signature, which verifies as well. Raises MalformedRecord."""
    envelope = parse_envelope(line)
    (signature,) = envelope.signatures
    r, s = decode_dss_signature(signature.der)
    return signed_line(envelope.payload, (Signature(signature.keyid, encode_dss_signature(r, ORDER - s)),))
