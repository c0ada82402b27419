"""The application's private key: read from PEM or RSAKeyValue XML, and the signature of the system user token."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.errors import SettingsError

_SETTING = "SUPEROFFICE_PRIVATE_KEY_FILE"
_WANTED = "it should hold the application's private RSA key as PEM or RSAKeyValue XML, from the Developer Portal"
_PARTS = ("Modulus", "Exponent", "D", "P", "Q", "DP", "DQ", "InverseQ")


def load_private_key(path: Path) -> rsa.RSAPrivateKey:
    """The key in a file. Raises SettingsError with one line when it cannot be read or is no private RSA key."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise SettingsError([f"{_SETTING}: {path} cannot be read ({reason}); {_WANTED}."]) from None
    return parse_private_key(content, str(path))


def parse_private_key(content: bytes, origin: str) -> rsa.RSAPrivateKey:
    """The key in a file's bytes. Raises SettingsError as `load_private_key`."""
    content = content.removeprefix(b"\xef\xbb\xbf").strip()
    try:
        key = _read(content)
    except (ValueError, TypeError, UnicodeError, binascii.Error) as error:
        reason = str(error) if isinstance(error, _KeyProblem) else "it holds no readable private key"
        raise SettingsError([f"{_SETTING}: {origin}: {reason}; {_WANTED}."]) from None
    if key.key_size < 1024:
        raise SettingsError([f"{_SETTING}: {origin}: a key of {key.key_size} bits is too short; {_WANTED}."])
    return key


@lru_cache(maxsize=4)
def _read(content: bytes) -> rsa.RSAPrivateKey:
    """Kept, since OpenSSL checks a key for as long as ten calls take, and each run opens its own client."""
    return _from_xml(content) if b"<RSAKeyValue" in content else _from_pem(content)


def signed_system_token(system_user_token: str, key: rsa.RSAPrivateKey, now: datetime) -> str:
    """`<token>.<yyyyMMddHHmm in UTC>.<base64 of RSA-SHA256 over what stands before>` (vendor reference 1.3)."""
    plain = f"{system_user_token}.{now.astimezone(UTC):%Y%m%d%H%M}"
    signature = key.sign(plain.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{plain}.{base64.b64encode(signature).decode()}"


class _KeyProblem(ValueError):
    """What is wrong with a key, in words that hold none of it."""


def _from_pem(content: bytes) -> rsa.RSAPrivateKey:
    if b"ENCRYPTED" in content:
        raise _KeyProblem("the key is protected by a password, which is not supported")
    if b"PUBLIC KEY" in content and b"PRIVATE KEY" not in content:
        raise _KeyProblem("it holds the public key only")
    key = serialization.load_pem_private_key(content, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _KeyProblem("the key is no RSA key")
    return key


def _from_xml(content: bytes) -> rsa.RSAPrivateKey:
    # Read by pattern: the format is eight flat elements, and no XML parser has to be trusted with a file.
    text = content.decode("utf-8")
    numbers: dict[str, int] = {}
    for part in _PARTS:
        found = re.search(rf"<{part}>\s*([A-Za-z0-9+/=\s]+?)\s*</{part}>", text)
        if found:
            numbers[part] = int.from_bytes(base64.b64decode("".join(found[1].split()), validate=True), "big")
    if not {"Modulus", "Exponent"} <= numbers.keys():
        raise _KeyProblem("the RSAKeyValue has no modulus or exponent")
    if "D" not in numbers:
        raise _KeyProblem("it holds the public key only")
    modulus, exponent, d = numbers["Modulus"], numbers["Exponent"], numbers["D"]
    p, q = numbers.get("P"), numbers.get("Q")
    if not p or not q:
        p, q = rsa.rsa_recover_prime_factors(modulus, exponent, d)
    private = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=numbers.get("DP") or rsa.rsa_crt_dmp1(d, p),
        dmq1=numbers.get("DQ") or rsa.rsa_crt_dmq1(d, q),
        iqmp=numbers.get("InverseQ") or rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(exponent, modulus),
    )
    return private.private_key()
