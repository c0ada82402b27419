"""Telling people about something that needs them: a POST to an address, or an e-mail."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import httpx

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.settings import Settings

TIMEOUT_SECONDS = 15.0
LOCAL_MAIL = "smtp://localhost:25"
SMTP_PORTS = {"smtp": 587, "smtps": 465}


class NotTold(SounimicroError):
    """The notice did not get through."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. Holds no personal data: jobs, companies' aliases and reasons as they stand in Dagster."""

    title: str
    text: str
    job: str
    company: str
    run_id: str
    address: str


def send(notice: Notice, settings: Settings, *, clock: Clock) -> None:
    """Tells whoever the settings name. Raises NotTold when one of the ways failed, after trying both."""
    failed = []
    for way in (_post, _mail):
        try:
            way(notice, settings, clock)
        except (httpx.HTTPError, OSError, smtplib.SMTPException) as error:
            failed.append(f"{way.__name__.strip('_')}: {type(error).__name__}")
    if failed:
        raise NotTold(
            f"The notice did not get through ({', '.join(failed)}).",
            remedy="Check SOUNIMICRO_NOTIFY_URL, SOUNIMICRO_NOTIFY_EMAIL and SOUNIMICRO_SMTP_URL.",
        )


def _post(notice: Notice, settings: Settings, clock: Clock) -> None:
    if settings.sounimicro_notify_url is None:
        return
    # `text` alone is what the chat systems' incoming webhooks show.
    body = asdict(notice) | {"text": f"{notice.title}: {notice.text} {notice.address}", "at": clock.now().isoformat()}
    httpx.post(settings.sounimicro_notify_url, json=body, timeout=TIMEOUT_SECONDS).raise_for_status()


def _mail(notice: Notice, settings: Settings, clock: Clock) -> None:
    if settings.sounimicro_notify_email is None:
        return
    message = EmailMessage()
    message["To"] = settings.sounimicro_notify_email
    message["From"] = settings.sounimicro_notify_email.split(",")[0].strip()
    message["Subject"] = f"sounimicro: {notice.title}"
    message.set_content(
        f"{notice.text}\n\nCompany: {notice.company or 'all'}\n{notice.address}\n{clock.now():%FT%TZ}\n"
    )
    url = urlsplit(
        settings.sounimicro_smtp_url.get_secret_value() if settings.sounimicro_smtp_url else "smtp://localhost:25"
    )
    host, port = url.hostname or "localhost", url.port or SMTP_PORTS.get(url.scheme, 25)
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    with server:
        if url.scheme == "smtp" and url.username:
            server.starttls(context=ssl.create_default_context())
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)
