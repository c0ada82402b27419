"""What keeps secrets and personal data out of logs: a redactor, and a lid on the HTTP library's own logging."""

from __future__ import annotations

import logging
import re

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(https?://[^\s?\"'<>#]+)[?#][^\n\"<>]*"), r"\1?…"),
    (re.compile(r"(?i)\b(bearer|basic|soticket)\s+[^\s,;\"']+"), r"\1 …"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"), "«token»"),
    (
        re.compile(
            r"(?i)\b((?:access_|refresh_|id_|system_user_)?token|client_secret|client_assertion|password|secret"
            r"|signingkey|authorization|ticket|api_?key)([\"']?\s*[:=]\s*[\"']?)[^\s&,;\"'}]+"
        ),
        r"\1\2…",
    ),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "«e-mail»"),
    (re.compile(r"(?<!\d)(?:\+\d{2}\s?)?\d{2}(?:\s?\d{2}){3}(?!\d)|(?<!\d)\d{6}\s?\d{5}(?!\d)"), "«number»"),
)


def redact(text: str) -> str:
    """The text without queries of addresses, credentials, e-mail addresses, phone and national identity numbers."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def quiet_http_logging() -> None:
    """The HTTP library logs whole addresses at INFO and headers at DEBUG; neither may reach any handler."""
    for name in ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
        logger = logging.getLogger(name)
        if not any(isinstance(present, _OnlyWarnings) for present in logger.filters):
            logger.addFilter(_OnlyWarnings())


class _OnlyWarnings(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING
