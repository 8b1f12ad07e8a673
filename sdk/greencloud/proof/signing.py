"""Ed25519 signatures (RFC 8032) by keys of which only the public half is ever published.

The library that computes them comes with the extra ``verify``; it is loaded when a signature is made or checked.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from greencloud.errors import MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["KEY_BYTES", "SIGNATURE_BYTES", "Signer", "fingerprint", "signed_by"]

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, and ``public``, the 32 bytes that others check its signatures with."""

    private: Ed25519PrivateKey
    public: bytes

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> Signer:
        """For keys read or made by the ``cryptography`` library."""
        return cls(private, private.public_key().public_bytes_raw())

    @classmethod
    def from_seed(cls, seed: bytes) -> Signer:
        """For 32 secret bytes (RFC 8032, 5.1.5).

        Raises:
            MissingExtraError: no library.
        """
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        except ModuleNotFoundError as error:
            raise MissingExtraError("signing", extra="verify") from error
        return cls.of(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def generate(cls) -> Signer:
        """A new key from the system's randomness. Raises MissingExtraError as ``from_seed``."""
        return cls.from_seed(os.urandom(KEY_BYTES))

    @classmethod
    def from_pem(cls, content: bytes) -> Signer:
        """A key as ``pem`` gave it.

        Raises:
            ValueError: it is none.
            MissingExtraError: no library.
        """
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ModuleNotFoundError as error:
            raise MissingExtraError("signing", extra="verify") from error
        private = load_pem_private_key(content, None)
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError("this is no Ed25519 key")
        return cls.of(private)

    def pem(self) -> bytes:
        """The private key, not encrypted: for a file that only its owner can read (PKCS #8, RFC 8410)."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, content: bytes) -> bytes:
        return self.private.sign(content)


def signed_by(key: bytes, signature: bytes, content: bytes) -> bool:
    """Whether the signature (64 bytes) of the content is that of the public key (32 bytes).

    Raises:
        MissingExtraError: no library.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ModuleNotFoundError as error:
        raise MissingExtraError("checking a signature", extra="verify") from error
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(key: bytes) -> str:
    """SHA-256 of the public key's 32 bytes, in hexadecimal: what a provider publishes elsewhere, and a reader compares."""
    return sha256(key).hexdigest()
