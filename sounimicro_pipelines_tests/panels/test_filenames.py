"""Names from elsewhere steer neither a header, nor a file system, nor a reader's eye."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sounimicro_pipelines.panels.filenames import LONGEST, clean_name, disposition


@pytest.mark.parametrize(
    ("name", "extension", "clean"),
    [
        ("Faktura 30411.pdf", ".pdf", "Faktura 30411.pdf"),
        ("Kreditnota æøå.PDF", ".pdf", "Kreditnota æøå.PDF"),
        ("../../../etc/passwd", "", "passwd"),
        ("C:\\Windows\\system32\\cmd.exe", "", "cmd.exe"),
        ("..", "", "document-7"),
        ("", "", "document-7"),
        ("\0\r\n\t", ".pdf", "document-7.pdf"),
        ("NUL", "", "document-7"),
        ("con.pdf", ".pdf", "document-7.pdf"),
        ("invoice\u202efdp.exe", "", "invoicefdp.exe"),
        ('a";filename="b.html', "", "a_;filename=_b.html"),
        ("x.html", ".pdf", "x.html.pdf"),
        (".htaccess", "", "htaccess"),
        ("a/b/", "", "document-7"),
    ],
)
def test_a_name_is_its_last_part_without_what_steers(name: str, extension: str, clean: str) -> None:
    assert clean_name(name, otherwise="document-7", extension=extension) == clean


def test_a_long_name_keeps_its_ending() -> None:
    clean = clean_name("x" * 400 + ".pdf", otherwise="d", extension=".pdf")
    assert len(clean) == LONGEST
    assert clean.endswith("x.pdf")
    assert len(clean_name("x." + "y" * 400, otherwise="d")) == LONGEST


@given(st.text(max_size=300), st.sampled_from(["", ".pdf"]), st.booleans())
def test_any_name_makes_a_header_of_one_line_and_a_file_in_its_folder(name: str, extension: str, inline: bool) -> None:
    clean = clean_name(name, otherwise="document-7", extension=extension)
    assert 0 < len(clean) <= LONGEST
    assert not set(clean) & set('/\\":*?<>|')
    assert clean not in (".", "..")
    assert not any(unicodedata.category(sign)[0] == "C" for sign in clean)
    assert clean.lower().endswith(extension)
    header = disposition(clean, inline=inline)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert unquote(header.partition("filename*=UTF-8''")[2]) == clean
