"""Names of keys. A key is known by what it is, never by what a signature says about it."""

import hashlib
from functools import lru_cache


@lru_cache(maxsize=256)
def keyid(spki_der: bytes) -> str:
    """The key's name: hex SHA-256 over its SubjectPublicKeyInfo in DER (RFC 5280, section 4.1.2.7)."""
    return hashlib.sha256(spki_der).hexdigest()
