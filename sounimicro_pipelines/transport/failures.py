"""The errors a vendor system can cause: which system, which call, which status, and what a person can do.

The text of an error never holds an address's query, a body, a header or the vendor's own words, since those may
hold personal data; the vendor's words are in `messages`, for screens that may show them to the person concerned.
"""

from __future__ import annotations

from collections.abc import Sequence

from sounimicro_pipelines.errors import SounimicroError


class VendorError(SounimicroError):
    """A call to a vendor system failed.

    `call` is a short label such as `GET customers`. `status` is the HTTP status, None when there was no answer.
    `effect_unknown` is True when a write may have happened all the same. `retry_after` is the wait in seconds
    that the system asked for. `messages` are the system's own words, not to be logged.
    """

    summary = "failed"
    default_remedy = ""

    def __init__(
        self,
        system: str,
        call: str,
        *,
        status: int | None = None,
        detail: str = "",
        remedy: str = "",
        messages: Sequence[str] = (),
        effect_unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        self.system = system
        self.call = call
        self.status = status
        self.detail = detail
        self.messages = tuple(messages)
        self.effect_unknown = effect_unknown
        self.retry_after = retry_after
        answer = f" (HTTP {status})" if status is not None else ""
        reason = f": {detail}" if detail else ""
        super().__init__(f"{system}: {call} {self.summary}{answer}{reason}.", remedy=remedy or self.default_remedy)


class AuthenticationFailed(VendorError):
    """The credentials were refused, also after they had been renewed once (401)."""

    summary = "was refused because the credentials are not accepted"
    default_remedy = "Check the client id, its key or certificate, and that the client is approved for this customer."


class AccessDenied(VendorError):
    """The credentials are good, but they do not give this right (403)."""

    summary = "was refused because a right or licence is missing"
    default_remedy = "Ask an administrator of that system to give the integration's user this right."


class NotFound(VendorError):
    """There is no such record or route (404)."""

    summary = "found nothing"
    default_remedy = "Check that the record still exists and that the address in the settings is right."


class Unavailable(NotFound):
    """This installation does not offer what was asked for; the rest works without it."""

    summary = "is not offered by this installation"
    default_remedy = "Nothing needs to be done; what depends on it is left out."


class Misdirected(VendorError):
    """This host no longer serves the tenant (421); its address must be looked up again."""

    summary = "reached a host that does not serve this tenant now"
    default_remedy = "The tenant has moved or is being moved; its address is looked up again at the next run."


class PreconditionFailed(VendorError):
    """The record has changed since it was read, or a condition sent along did not hold (409, 412)."""

    summary = "was refused because the record has changed meanwhile"
    default_remedy = "Read the record again and repeat."


class ValidationFailed(VendorError):
    """The system understood the call and refuses its content (400, 422)."""

    summary = "was refused because the system does not accept the content"
    default_remedy = "Correct the named fields and repeat."


class RateLimited(VendorError):
    """The system wants fewer calls (429), also after waiting as long as it asked for."""

    summary = "was put off because of too many calls"
    default_remedy = "Lower SOUNIMICRO_REQUESTS_PER_SECOND or SOUNIMICRO_MAX_IN_FLIGHT, or try later."


class ServerFailed(VendorError):
    """The system failed on its side (5xx), also when asked again."""

    summary = "failed on the system's side"
    default_remedy = "Try later; if it stays, report it to the system's vendor."


class Unreachable(VendorError):
    """No answer: refused, cut off, or too slow."""

    summary = "got no answer"
    default_remedy = "Check the address in the settings, the network and the system's operating status."


class BadAnswer(VendorError):
    """An answer that is cut short, no JSON, a web page, or of another shape than documented."""

    summary = "got an answer that cannot be used"
    default_remedy = "Try later; if it stays, check that the address in the settings is the API's."
