"""The copy of an invoice or voucher: passed on from the ERP to whom it concerns, harmless whatever it holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from sounimicro_pipelines.panels import documents
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.faults import Fault
from sounimicro_pipelines.sandbox.unimicro.documents import add_file
from sounimicro_pipelines.sandbox.unimicro.pdf import make_pdf
from sounimicro_pipelines.store import web
from sounimicro_pipelines.transport import wire
from sounimicro_pipelines_tests.panels.signed_world import (
    ABB,
    ADMINISTRATOR,
    FIGURES,
    SECOND,
    SELLER,
    Browser,
    Documents,
    SignedWorld,
    absolute,
    signed_world,
)

PDF = make_pdf("Faktura 30411", ["Til: ABB Installasjon AS"])
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
HTML = b"<!DOCTYPE html><script>alert(document.cookie)</script>"
BIG = b"%PDF-1.4\n" + b"x" * 700_000
FILES: dict[int, tuple[str, int, str, str, bytes]] = {
    901: ("customer_invoice", 411, "Faktura 30411.pdf", "application/pdf", PDF),
    902: ("journal_entry", 501, "Bilag.PNG", "image/png", PNG),
    903: ("customer_invoice", 411, "side.html", "text/html", HTML),
    904: ("customer_invoice", 411, "tegning.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    905: ("customer_invoice", 411, "løgn.pdf", "application/pdf", HTML),
    906: ("customer_invoice", 411, "../../etc/passwd\r\nSet-Cookie: a=b\u202efdp.exe", "application/pdf", PDF),
    907: ("customer_invoice", 411, "gone.pdf", "application/pdf", PDF),
    908: ("customer_invoice", 411, "stor.pdf", "application/pdf", BIG),
    909: ("customer_invoice", 900, "en annens.pdf", "application/pdf", PDF),
    910: ("journal_entry", 777, "lønn.pdf", "application/pdf", PDF),
    911: ("supplier_invoice", 411, "leverandørens.pdf", "application/pdf", PDF),
    912: ("customer_invoice", 411, "", "", b""),
    913: ("customer_invoice", 411, "ukjent størrelse.pdf", "application/pdf", BIG),
}
UNKNOWN_SIZE = {913}
REFERENCES: dict[int, str] = {}


def stored(sandbox: Sandbox) -> Documents:
    """Puts the files into the ERP and answers what is published of them."""
    found, store = Documents(), sandbox.erp.store(1)
    for file_id, (owner_type, owner_id, name, kind, content) in FILES.items():
        row = add_file(store, name, content, [], content_type=kind or "application/octet-stream")
        REFERENCES[file_id] = row["StorageReference"]
        size = None if file_id in UNKNOWN_SIZE else len(content)
        found.add(owner_type, owner_id, file_id, name, kind, size, row["StorageReference"])
    return found


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedWorld]:
    with signed_world(tmp_path_factory.mktemp("documents"), documents=stored) as made:
        yield made


@pytest.fixture(autouse=True)
def _as_it_was(signed: SignedWorld) -> Iterator[None]:
    yield
    signed.sandbox.faults.clear()
    signed.sandbox.erp_server.options.no_company_access.clear()


@pytest.fixture
def seller(signed: SignedWorld) -> Browser:
    return signed.signed_in(SELLER)


def fetch(browser: Browser, file_id: int, owner: str = "invoice", of: int = 411, whom: str = FIGURES) -> httpx.Response:
    return browser.get(f"/panel/document?{whom}&owner={owner}&of={of}&file={file_id}")


def name_of(answer: httpx.Response) -> tuple[str, str]:
    """Manner and name, as a browser reads them."""
    manner, _, rest = answer.headers["content-disposition"].partition("; ")
    return manner, unquote(rest.partition("filename*=UTF-8''")[2])


# -- what is shown -------------------------------------------------------------------------------------------------


def test_an_invoices_page_leads_to_its_documents_and_its_vouchers(signed: SignedWorld, seller: Browser) -> None:
    page = seller.get(signed.panel(company="demo", role="customer", tab="invoices", view="invoice", invoice=411))
    assert page.status_code == 200
    assert "Faktura 30411.pdf" in page.text
    assert "Bilag.PNG" in page.text
    assert "en annens.pdf" not in page.text
    assert REFERENCES[901] not in page.text
    link = page.text.split("Faktura 30411.pdf")[0].rpartition('href="')[2].partition('"')[0]
    answer = seller.get(absolute(str(page.url), link))
    assert answer.content == PDF


def test_a_vouchers_page_leads_to_its_documents_and_its_invoices(signed: SignedWorld, seller: Browser) -> None:
    page = seller.get(signed.panel(company="demo", role="customer", tab="statement", view="voucher", voucher=501))
    assert "Bilag.PNG" in page.text
    assert "Faktura 30411.pdf" in page.text
    assert fetch(seller, 902, "voucher", 501).content == PNG
    assert fetch(seller, 901, "voucher", 501).content == PDF


def test_a_pdf_is_shown_under_its_name(seller: Browser) -> None:
    answer = fetch(seller, 901)
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-type"] == "application/pdf"
    assert name_of(answer) == ("inline", "Faktura 30411.pdf")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'self'")
    assert answer.headers["cache-control"] == "private, no-store"


def test_an_image_is_shown_in_a_sandbox(seller: Browser) -> None:
    answer = fetch(seller, 902)
    assert answer.headers["content-type"] == "image/png"
    assert name_of(answer) == ("inline", "Bilag.PNG")
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("file_id", [903, 904, 905])
def test_what_a_browser_could_run_is_downloaded_and_never_shown(seller: Browser, file_id: int) -> None:
    answer = fetch(seller, file_id)
    assert answer.status_code == 200
    assert answer.content == FILES[file_id][4]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert name_of(answer) == ("attachment", FILES[file_id][2])
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_hostile_name_steers_nothing(seller: Browser) -> None:
    answer = fetch(seller, 906)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert name_of(answer) == ("inline", "passwdSet-Cookie_ a=bfdp.exe.pdf")


def test_an_empty_file_is_an_empty_file(seller: Browser) -> None:
    answer = fetch(seller, 912)
    assert (answer.status_code, answer.content) == (200, b"")
    assert name_of(answer) == ("attachment", "document-912")


def test_a_large_document_is_passed_on_as_it_arrives(seller: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "WHOLE", 10_000)
    answer = fetch(seller, 908)
    assert answer.content == BIG
    assert answer.headers["content-length"] == str(len(BIG))
    assert name_of(answer) == ("inline", "stor.pdf")


def test_the_api_tells_of_the_same_documents_and_of_no_storage_reference(seller: Browser) -> None:
    for path in ("invoices/411", "vouchers/501"):
        answer = seller.get(f"/api/v1/{path}?{FIGURES}")
        found = {document["file_id"]: document for document in answer.json()["documents"]}
        assert {901, 902, 903} <= set(found)
        assert not {909, 910, 911} & set(found)
        assert not [reference for reference in REFERENCES.values() if reference in answer.text]
        assert seller.get(found[901]["href"]).content == PDF


# -- who sees it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file_id", "owner", "of"),
    [
        (909, "invoice", 411),
        (909, "invoice", 900),
        (910, "voucher", 777),
        (910, "voucher", 501),
        (911, "invoice", 411),
        (901, "invoice", 502),
        (901, "voucher", 777),
        (999, "invoice", 411),
    ],
)
def test_only_the_partys_own_files_are_found(seller: Browser, file_id: int, owner: str, of: int) -> None:
    answer = fetch(seller, file_id, owner, of)
    assert answer.status_code == 404
    assert b"%PDF" not in answer.content


def test_another_companys_documents_are_not_found_by_the_same_ids(signed: SignedWorld) -> None:
    administrator = signed.signed_in(ADMINISTRATOR)
    assert fetch(administrator, 901, whom="company=other&role=customer&party=79").status_code == 404
    assert fetch(administrator, 901, whom="company=unknown&role=customer&party=79").status_code == 404


def test_a_document_is_for_those_who_can_read_the_record_in_the_crm(signed: SignedWorld) -> None:
    crm = f"tenant={signed.tenant}&id={ABB}&company=demo&role=customer"
    assert fetch(signed.signed_in(SELLER), 901, whom=crm).status_code == 200
    signed.sandbox.crm.sentry.deny(SELLER, "contact", ABB)
    try:
        refused = signed.signed_in(SELLER)
        assert fetch(refused, 901, whom=crm).status_code == 403
        assert fetch(refused, 901).status_code == 403
    finally:
        signed.sandbox.crm.sentry.denied.clear()
    other = f"tenant={signed.tenant}&id={SECOND}&company=demo&role=customer"
    assert fetch(signed.signed_in(SELLER), 901, whom=other).status_code == 404
    assert fetch(signed.browser(), 901).status_code == 401


@pytest.mark.parametrize("name", ["id", "ref", "reference", "storage_reference", "key", "url"])
def test_nothing_in_the_address_is_a_storage_reference(signed: SignedWorld, seller: Browser, name: str) -> None:
    address = f"/panel/document?{FIGURES}&owner=invoice&of=411"
    for value in (REFERENCES[910], f"../{REFERENCES[910]}", "http://127.0.0.1/"):
        assert seller.get(address, params={name: value}).status_code in (400, 404)


def test_no_id_is_a_path(seller: Browser) -> None:
    for bad in ("../901", "901/..", "%00901", "-1", "0", "9" * 40, "x", "901;ls", "٩٠١"):
        answer = seller.get("/panel/document", params={**_whom(), "owner": "invoice", "of": "411", "file": bad})
        assert answer.status_code in (400, 404), bad


def test_every_document_that_is_shown_is_noted_first(signed: SignedWorld, seller: Browser) -> None:
    fetch(seller, 901)
    fetch(seller, 909)
    with signed.store.read() as tx:
        noted = [entry for entry in web.audit_log(tx) if entry["action"] == "document_shown"]
    newest = noted[0]
    assert (newest["actor"], newest["subject"]) == (f"crm:associate:{SELLER}", "file:901")
    assert newest["company_key"] == signed.sandbox.erp.key(1)
    assert newest["details"] == {"owner_type": "customer_invoice", "owner_id": 411, "role": "customer", "party_id": 79}
    assert not [entry for entry in noted if entry["subject"] == "file:909"]


def test_documents_are_fetched_only_so_often(signed: SignedWorld, seller: Browser) -> None:
    statuses = [fetch(seller, 901).status_code for _ in range(35)]
    assert 429 in statuses
    assert statuses[:20] == [200] * 20


# -- what goes wrong -----------------------------------------------------------------------------------------------


def test_a_document_that_vanished_is_said_so_with_another_way(signed: SignedWorld, seller: Browser) -> None:
    blobs = signed.sandbox.erp.store(1).blobs
    kept = blobs.pop(REFERENCES[907])
    try:
        answer = fetch(seller, 907)
    finally:
        blobs[REFERENCES[907]] = kept
    assert answer.status_code == 404
    assert "finnes ikke lenger i regnskapet" in answer.text
    assert "Åpne fakturaen i Unimicro" in answer.text


@pytest.mark.parametrize("kind", ["server_error", "unavailable", "lost_before", "cut_off", "html_error"])
def test_the_erp_being_down_is_said_so_and_can_be_tried_again(signed: SignedWorld, seller: Browser, kind: Any) -> None:
    signed.sandbox.faults.script(Fault(kind, "erp", "/api/download", times=100))
    answer = fetch(seller, 901)
    assert answer.status_code == 503
    assert "Regnskapet svarer ikke" in answer.text
    link = answer.text.split("Prøv igjen</a>")[0].rpartition('href="')[2].partition('"')[0]
    signed.sandbox.faults.clear()
    assert seller.get(absolute(signed.url, link)).content == PDF


def test_a_passing_fault_is_not_noticed(signed: SignedWorld, seller: Browser) -> None:
    signed.sandbox.faults.script(Fault("server_error", "erp", "/api/download", times=1))
    assert fetch(seller, 901).content == PDF


def test_the_erp_refusing_us_is_said_so(signed: SignedWorld, seller: Browser) -> None:
    signed.sandbox.erp.withdraw_company(1)
    answer = fetch(seller, 901)
    assert answer.status_code == 502
    assert "mangler rett" in answer.text


@pytest.mark.parametrize("file_id", [908, 913])
def test_a_document_that_is_too_large_is_not_passed_on(
    seller: Browser, monkeypatch: pytest.MonkeyPatch, file_id: int
) -> None:
    monkeypatch.setattr(documents, "LARGEST", 100_000)
    answer = fetch(seller, file_id)
    assert answer.status_code == 413
    assert "for stort" in answer.text


def test_a_document_that_grows_beyond_what_is_passed_on_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST", 100)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 40

    passed: list[bytes] = []

    async def read() -> None:
        async for part in documents.limited(b"x" * 10, endless()):
            passed.append(part)

    with pytest.raises(documents.DocumentTooLarge):
        asyncio.run(read())
    assert sum(map(len, passed)) == 90


def test_a_large_document_that_breaks_off_is_not_taken_for_whole(
    signed: SignedWorld, seller: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "WHOLE", 10_000)
    monkeypatch.setattr(wire, "BLOCK_BYTES", 8_000)  # else it comes in one piece or not at all
    signed.sandbox.faults.script(Fault("cut_off", "erp", "/api/download", times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        fetch(seller, 908)
    assert fetch(seller, 908).content == BIG


def test_an_invoice_without_a_copy_leads_into_the_erp(signed: SignedWorld, seller: Browser) -> None:
    page = seller.get(signed.panel(company="demo", role="customer", tab="invoices", view="invoice", invoice=510))
    assert "Regnskapet har ingen kopi" in page.text
    link = page.text.split("Åpne fakturaen i Unimicro")[0].rpartition('href="')[2].partition('"')[0]
    answer = seller.get(absolute(str(page.url), link))
    assert answer.status_code == 303
    api = signed.sandbox.environment["UNIMICRO_API_URL"]
    assert answer.headers["location"] == f"{api}/#/sales/invoices/510"
    for other in ("of=900", "of=99999", "of=777&owner=voucher"):
        assert seller.get(f"/panel/in-erp?{FIGURES}&{other}").status_code == 404
    assert signed.browser().get(f"/panel/in-erp?{FIGURES}&of=510").status_code == 401


def test_a_voucher_leads_into_the_erp_too(signed: SignedWorld, seller: Browser) -> None:
    api = signed.sandbox.environment["UNIMICRO_API_URL"]
    page = seller.get(signed.panel(company="demo", role="customer", tab="statement", view="voucher", voucher=501))
    link = page.text.split("Åpne bilaget i Unimicro")[0].rpartition('href="')[2].partition('"')[0]
    voucher = seller.get(absolute(str(page.url), link))
    assert voucher.headers["location"].startswith(f"{api}/#/accounting/transquery?JournalEntryNumber=")


def _whom() -> dict[str, str]:
    return dict(part.split("=") for part in FIGURES.split("&"))
