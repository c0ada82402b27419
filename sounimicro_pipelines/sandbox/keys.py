"""The keys and certificates that the two sandbox servers and their clients need, made at start, never stored in git."""

from __future__ import annotations

import base64
import functools
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from sounimicro_pipelines.clock import SystemClock


@dataclass(frozen=True, slots=True)
class SandboxKeys:
    """Where the files lie, and the private halves in memory.

    `erp_certificate_file` is the server client's PKCS#12 with `erp_certificate_password`; `erp_client_key` is the key
    in it, whose public half the ERP's identity server knows. `crm_private_key_file` is the CRM application's private
    key as PEM (`crm_application_key`), `crm_private_key_xml_file` the same as RSAKeyValue XML. The identity keys sign
    the tokens that each vendor's identity server issues; `*_key_id` is the `kid` they are published under.
    """

    folder: Path
    erp_certificate_file: Path
    erp_certificate_password: str
    erp_client_key: rsa.RSAPrivateKey
    erp_identity_key: rsa.RSAPrivateKey
    erp_identity_key_id: str
    crm_private_key_file: Path
    crm_private_key_xml_file: Path
    crm_application_key: rsa.RSAPrivateKey
    crm_identity_key: rsa.RSAPrivateKey
    crm_identity_key_id: str


def make_keys(folder: Path) -> SandboxKeys:
    """Writes the key files into `folder`, which is made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(18)
    client = _key("erp-client")
    p12 = folder / "unimicro-client.p12"
    p12.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"sandbox",
            client,
            _certificate(client),
            None,
            serialization.BestAvailableEncryption(password.encode()),
        )
    )
    application = _key("crm-application")
    pem = folder / "superoffice-app.pem"
    pem.write_bytes(
        application.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    xml = folder / "superoffice-app.xml"
    xml.write_text(rsa_key_value(application), encoding="ascii")
    for path in (p12, pem, xml):
        path.chmod(0o600)
    return SandboxKeys(
        folder=folder,
        erp_certificate_file=p12,
        erp_certificate_password=password,
        erp_client_key=client,
        erp_identity_key=_key("erp-identity"),
        erp_identity_key_id="erp-sandbox-1",
        crm_private_key_file=pem,
        crm_private_key_xml_file=xml,
        crm_application_key=application,
        crm_identity_key=_key("crm-identity"),
        crm_identity_key_id="crm-sandbox-1",
    )


def rsa_key_value(key: rsa.RSAPrivateKey) -> str:
    """The key as the RSAKeyValue XML that the CRM's developer portal hands out."""
    numbers = key.private_numbers()
    size = key.key_size // 8

    def part(tag: str, value: int, length: int) -> str:
        return f"<{tag}>{base64.b64encode(value.to_bytes(length, 'big')).decode()}</{tag}>"

    return "".join(
        (
            "<RSAKeyValue>",
            part("Modulus", numbers.public_numbers.n, size),
            part("Exponent", numbers.public_numbers.e, 3),
            part("P", numbers.p, size // 2),
            part("Q", numbers.q, size // 2),
            part("DP", numbers.dmp1, size // 2),
            part("DQ", numbers.dmq1, size // 2),
            part("InverseQ", numbers.iqmp, size // 2),
            part("D", numbers.d, size),
            "</RSAKeyValue>",
        )
    )


@functools.cache
def _key(_purpose: str) -> rsa.RSAPrivateKey:
    """One key per purpose and process: making them is slow, and a test run starts many sandboxes."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sounimicro sandbox")])
    now = SystemClock().now()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=730))
        .sign(key, hashes.SHA256())
    )
