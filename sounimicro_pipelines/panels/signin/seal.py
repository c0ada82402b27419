"""What people's CRM tokens are locked with: AES-GCM under keys made from the session secret and the bearer's own token.

Neither the store alone nor the store and the secret open anything: the token that completes the key is in the person's
browser, and the store keeps only its digest.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class Seal:
    """Locks and opens texts. `purpose` keeps one kind of text from being taken for another."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def lock(self, text: str, *, token: str, purpose: str) -> str:
        """The text, readable only with the same token and purpose."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        locked = self._cipher(token, purpose).encrypt(nonce, text.encode(), purpose.encode())
        return base64.urlsafe_b64encode(nonce + locked).decode()

    def open(self, locked: str, *, token: str, purpose: str) -> str | None:
        """None when it was not locked so, or has been changed since."""
        try:
            raw = base64.urlsafe_b64decode(locked)
            opened = self._cipher(token, purpose).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())
        except (binascii.Error, InvalidTag, ValueError):
            return None
        return opened.decode()

    def _cipher(self, token: str, purpose: str) -> AESGCM:
        salt, info = token.encode(), f"sounimicro panels {purpose}".encode()
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(self._secret))


def new_token() -> str:
    """256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)
