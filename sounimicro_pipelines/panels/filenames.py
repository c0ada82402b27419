"""Names of files that come from elsewhere, made safe to send and to save."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

LONGEST = 120
_LONGEST_EXTENSION = 10
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r'["*:<>?|]')


def clean_name(name: str, *, otherwise: str, extension: str = "") -> str:
    """The last part of a path, without what steers a terminal, a header or a file system.

    `otherwise` is the name when nothing is left. `extension` (such as `.pdf`) is what the content is: a name that says
    something else gets it appended.
    """
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join(sign for sign in name if unicodedata.category(sign)[0] != "C" and sign not in "\u2028\u2029")
    name = _NOT_IN_NAMES.sub("_", name).strip(" .")
    if not name or _RESERVED.fullmatch(name):
        name = otherwise
    if extension and not name.lower().endswith(extension):
        name += extension
    if len(name) > LONGEST:
        stem, dot, ending = name.rpartition(".")
        ending = f".{ending}" if dot and len(ending) <= _LONGEST_EXTENSION else ""
        name = (stem if ending else name)[: LONGEST - len(ending)].rstrip(" .") + ending
    return name


def disposition(name: str, *, inline: bool) -> str:
    """`Content-Disposition` with the name twice: plain for old readers, and in full (RFC 6266)."""
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_. ()") else "_" for sign in name)
    manner = "inline" if inline else "attachment"
    return f"{manner}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
