"""A stored file is fetched by whichever documented way the installation answers, and nothing else passes for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sounimicro_pipelines.transport import AccessDenied, BadAnswer, NotFound, Unavailable, VendorError
from sounimicro_pipelines.unimicro.downloads import download
from sounimicro_pipelines.unimicro.files import StoredFile
from sounimicro_pipelines_tests.http_server import Answer, Request
from sounimicro_pipelines_tests.unimicro.fake_erp import KEY_A, FakeErp, company_of, running

PDF = b"%PDF-1.7" + bytes(100_000)
FILE = StoredFile(7, "Faktura 50112.pdf", "application/pdf", len(PDF), "ref-1")
SERVICE, ACTION = "/files/api/download", "/api/biz/files/7"


def fetched(erp: FakeErp, folder: Path, file: StoredFile = FILE) -> tuple[str, str, bytes]:
    async def run() -> tuple[str, str, bytes]:
        async with company_of(erp, folder) as company, download(company, file) as found:
            return found.content_type, found.name, b"".join([part async for part in found.parts])

    return asyncio.run(run())


def answering(**answers: Answer | Callable[[Request], Answer | None]) -> FakeErp:
    """`service`, `action` and `address`: the files service, the ERP's own action, and what that one leads to."""
    paths = {SERVICE: "service", ACTION: "action", "/blob": "address", "/files/blob": "address"}

    def before(request: Request) -> Answer | None:
        name = paths.get(request.path)
        found = answers.get(name, Answer(status=404)) if name else None
        return found(request) if callable(found) else found

    return FakeErp(before=before)


def test_a_download_carries_the_key_under_both_names_and_the_token_never_in_the_address(tmp_path: Path) -> None:
    pdf = Answer(PDF, headers={"content-type": "application/pdf", "content-disposition": 'x; filename="../å.pdf"'})
    erp = answering(service=pdf)
    content_type, name, content = fetched(erp, tmp_path)
    assert (content_type, content) == ("application/pdf", PDF)
    assert "/" not in name
    (request,) = erp.asked("/api/download")
    assert request.query == {"id": "ref-1", "key": KEY_A}
    assert (request.headers["key"], request.headers["companykey"]) == (KEY_A, KEY_A)
    assert request.headers["authorization"].startswith("Bearer ")


@pytest.mark.parametrize("quotes", ['"', ""])
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_where_the_files_service_refuses_the_erp_is_asked_for_an_address(
    tmp_path: Path, status: int, quotes: str
) -> None:
    erp = answering(service=Answer(status=status), address=Answer(PDF))
    before = erp.before
    assert before is not None
    address = lambda: f"{quotes}{erp.url}/blob?sig=1{quotes}".encode()  # noqa: E731 - the port is known later
    erp.before = lambda r: Answer(address()) if r.path == ACTION else before(r)
    assert fetched(erp, tmp_path)[2] == PDF
    (asked,) = erp.asked(ACTION)
    assert asked.query == {"action": "download"}
    assert asked.headers["companykey"] == KEY_A
    assert erp.asked("/blob")[0].headers["authorization"].startswith("Bearer ")
    assert not any("token" in request.query for request in erp.requests)


def test_without_a_files_service_the_erp_is_asked_and_else_the_setting_is_named(tmp_path: Path) -> None:
    def nowhere(**more: Answer) -> FakeErp:
        erp = answering(**more)
        before = erp.before
        assert before is not None
        erp.before = lambda r: Answer({"Identity": erp.url + "/id"}) if r.path == "/api/endpoints" else before(r)
        return erp

    assert fetched(nowhere(action=Answer("/blob"), address=Answer(PDF)), tmp_path)[2] == PDF
    with pytest.raises(Unavailable, match="UNIMICRO_FILES_URL"):
        fetched(nowhere(), tmp_path)


def test_a_file_without_a_storage_reference_is_fetched_by_its_id(tmp_path: Path) -> None:
    erp = answering(action=Answer("blob"), address=Answer(PDF))
    assert fetched(erp, tmp_path, StoredFile(7, "a.pdf", "", None, ""))[2] == PDF
    assert not erp.asked(SERVICE)


def test_a_service_that_takes_the_token_in_the_address_alone_gets_it_there_last(tmp_path: Path) -> None:
    def service(request: Request) -> Answer:
        return Answer(PDF) if request.query.get("token") else Answer(status=401)

    erp = answering(service=service)
    assert fetched(erp, tmp_path)[2] == PDF
    last = erp.asked(SERVICE)[-1]
    assert last.query == {"id": "ref-1", "key": KEY_A, "token": erp.tokens[-1]}
    assert "authorization" not in last.headers


def test_an_answer_that_leads_on_is_followed_and_our_credentials_stay_with_the_installation(tmp_path: Path) -> None:
    other = FakeErp(before=lambda r: Answer(PDF) if r.path == "/store" else None)
    erp = answering()
    before = erp.before
    assert before is not None

    (tmp_path / "other").mkdir()

    async def run() -> bytes:
        async with running(other, tmp_path / "other"):
            hop = Answer(status=302, headers={"location": f"{other.url}/store?sig=9"})
            erp.before = lambda r: hop if r.path == SERVICE else before(r)
            async with company_of(erp, tmp_path) as company, download(company, FILE) as found:
                return b"".join([part async for part in found.parts])

    assert asyncio.run(run()) == PDF
    (asked,) = other.requests
    assert asked.query == {"sig": "9"}
    assert not {"authorization", "key", "companykey"} & asked.headers.keys()


def test_an_address_that_is_not_safe_to_call_is_not_called(tmp_path: Path) -> None:
    for address in ("http://files.example/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "", "http://["):
        with pytest.raises(NotFound):
            fetched(answering(action=Answer(address)), tmp_path)
    circle = Answer(status=302, headers={"location": "/files/api/download"})
    with pytest.raises(BadAnswer, match="one address to the next"):
        fetched(answering(service=circle), tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(b"<html>", headers={"content-type": "text/html"}), "web page"),
        (Answer(b"\n <!DOCTYPE html><p>", headers={"content-type": "application/pdf"}), "web page"),
        (Answer({"Success": False}, headers={"content-type": "application/pdf"}), "message"),
        (Answer(b'<?xml version="1.0"?><Error/>', headers={"content-type": "application/octet-stream"}), "message"),
        (Answer(b""), "empty"),
        (Answer(PDF, cut=500), "cut short"),
        (Answer(PDF, cut=5), "cut short"),
    ],
)
def test_a_page_a_message_nothing_or_a_part_is_not_taken_for_the_document(
    tmp_path: Path, answer: Answer, said: str
) -> None:
    with pytest.raises(BadAnswer, match=said):
        fetched(answering(service=answer), tmp_path)


def test_a_page_in_place_of_the_document_is_got_past_by_another_way(tmp_path: Path) -> None:
    page = Answer(b"<html>", headers={"content-type": "text/html"})
    assert fetched(answering(service=page, action=Answer("/blob"), address=Answer(PDF)), tmp_path)[2] == PDF


def test_what_is_a_page_by_itself_or_empty_by_itself_comes_as_it_is(tmp_path: Path) -> None:
    page = Answer(b"<html>", headers={"content-type": "text/html"})
    assert fetched(answering(service=page), tmp_path, StoredFile(7, "a.html", "", 6, "ref-1"))[2] == b"<html>"
    assert fetched(answering(service=Answer(b"")), tmp_path, StoredFile(7, "a.txt", "", 0, "ref-1"))[2] == b""


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (403, AccessDenied)])
def test_a_file_that_no_way_gives_is_told_by_the_first(tmp_path: Path, status: int, kind: type[VendorError]) -> None:
    with pytest.raises(kind):
        fetched(answering(service=Answer(status=status), action=Answer(status=404)), tmp_path)


def test_a_token_refused_by_the_files_service_is_renewed(tmp_path: Path) -> None:
    erp = FakeErp()

    def before(request: Request) -> Answer | None:
        if request.path != SERVICE:
            return None
        return Answer(PDF) if len(erp.tokens) > 1 else Answer(status=401)

    erp.before = before
    assert fetched(erp, tmp_path)[2] == PDF
    assert not any("token" in request.query for request in erp.requests)
