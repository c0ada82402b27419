"""What can go wrong in the CRM's client beyond the transport's errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.superoffice.values import member
from sounimicro_pipelines.transport import AuthenticationFailed, BadAnswer, VendorError

SYSTEM = "SuperOffice"


class TenantNotRunning(VendorError):
    """The tenant exists but does not answer now: maintenance, suspension, deletion (vendor reference 1.1)."""

    summary = "says that the tenant is not running"
    default_remedy = "Wait until its maintenance is over, or ask its administrator; the next run tries again."


class TokenRejected(AuthenticationFailed):
    """A token whose signature, issuer, audience, tenant or lifetime is not as it must be."""

    summary = "gave a token that is not to be trusted"
    default_remedy = "Check SUPEROFFICE_ENVIRONMENT_URL, SUPEROFFICE_TENANT and this machine's clock."


class FilterIgnored(BadAnswer):
    """The system answered rows that do not satisfy what was asked for; using them would be wrong."""

    summary = "got rows that do not satisfy the filter"
    default_remedy = "Nothing was used of them; report it together with the call's name."


class UnknownName(SounimicroError):
    """A column, field, entity or operator that the CRM does not have; never sent."""

    def __init__(self, kind: str, name: str, place: str, suggestion: str | None = None) -> None:
        hint = f"Did you mean «{suggestion}»?" if suggestion else ""
        super().__init__(f"{place} has no {kind} «{name}».", remedy=hint)
        self.name = name
        self.suggestion = suggestion


class FieldProblem(SounimicroError):
    """A value that a field of the CRM cannot take: read-only, too long, or of another kind. Holds no value."""

    def __init__(self, path: str, problem: str, *, remedy: str = "") -> None:
        super().__init__(f"The CRM field «{path}» {problem}.", remedy=remedy)
        self.path = path
        self.problem = problem


class ValueTooLong(FieldProblem):
    """Longer than the field's column (vendor reference 8.1); never cut silently."""

    def __init__(self, path: str, length: int, limit: int) -> None:
        super().__init__(
            path,
            f"holds at most {limit} characters and the value has {length}",
            remedy="Shorten the value in the system it comes from, or take the field out of the rule.",
        )
        self.length = length
        self.limit = limit


def own_words(response: httpx.Response) -> Sequence[str]:
    """The CRM's own message in a refusing answer (vendor reference 1.7); for screens, not for logs."""
    try:
        body: Any = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeError):
        return ()
    words = (member(body, name) for name in ("ErrorMessage", "Message", "MessageDetail"))
    return tuple(word for word in words if isinstance(word, str) and word)
