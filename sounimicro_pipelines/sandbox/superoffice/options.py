"""What one simulated tenant is and how it behaves: identities, lifetimes, a switch for what the vendor leaves open.

Every default is the behaviour that asks most of a client; the other documented or plausible behaviours are switches.
Section numbers in this package are those of the vendor reference for SuperOffice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

SOFT_DELETE_KEPT = timedelta(days=14)
"""How long a deleted company or person can be undeleted before the system removes it for good (section 8.5)."""


@dataclass(slots=True)
class Application:
    """The registered application, as the vendor's developer portal knows it.

    `redirect_uris` None accepts any loopback address that ends in `/auth/callback`; otherwise the match is exact.
    """

    client_id: str
    client_secret: str
    system_user_token: str
    public_key: RSAPublicKey
    redirect_uris: Collection[str] | None = None
    name: str = "Sounimicro"


@dataclass(slots=True)
class NumberSeries:
    """How the tenant allots the numbers of one field: the four switches of section 8.2."""

    next_number: int = 10001
    allocate: bool = True
    unique: bool = True
    read_only: bool = False
    allow_blank: bool = True


@dataclass(slots=True)
class CrmOptions:
    """Switches of one tenant. Durations in seconds."""

    tenant: str = "Cust12345"
    company_name: str = "Demobedriften AS"
    serial: str = "7070707070"
    host_prefix: str = "sandbox"
    host_number: int = 2

    ticket_seconds: int = 6 * 3600
    access_token_seconds: int = 3600
    code_seconds: int = 600
    signed_token_minutes: int = 10

    state_api_form: Literal["api", "api/", "api/v1", "missing"] = "api"
    numbers: dict[str, NumberSeries] = field(
        default_factory=lambda: {
            "contact": NumberSeries(allocate=False, unique=False),
            "person": NumberSeries(next_number=20001),
            "project": NumberSeries(next_number=30001),
        }
    )
    default_consumes_number: bool = True
    mandatory_on_create: bool = True
    persons_without_company: bool = False
    overlong: Literal["refuse", "fail", "truncate"] = "refuse"
    format_phones: bool = False
    child_edits_touch_root: bool = False
    localized_address_wins: Literal["changed", "present"] = "changed"
    deleted_read: Literal["404", "200"] = "404"

    rights_in_carriers: bool = True
    links_in_carriers: bool = True
    refuse_unrestricted: bool = True
    deleted_in_archives: Literal["when_asked", "always", "never"] = "when_asked"
    archive_time: Literal["utc", "header", "base"] = "utc"
    numeric_primary_key: bool = False
    default_top: int = 100
    max_top: int = 1000
    short_page_rows: int = 0
    dynamic_archive: bool = True
    webhooks_available: bool = True
    webhook_field_values: bool = True
    webhook_retry_seconds: tuple[float, ...] = (0.0, 1.0, 4.0)
    webhook_errors_allowed: int = 9
    table_numbers: dict[str, int] = field(default_factory=lambda: {"contact": 5, "person": 6, "project": 7})


@dataclass(slots=True)
class Identity:
    """The environment's own signing key, published as JWKS."""

    signing_key: RSAPrivateKey
    key_id: str = "superoffice-sandbox-1"
