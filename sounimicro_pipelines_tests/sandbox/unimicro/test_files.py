"""Documents: listing by record, download by storage reference, and that they are real PDFs."""

from __future__ import annotations

import hashlib

from sounimicro_pipelines_tests.sandbox.unimicro.conftest import Erp


def _invoice_with_file(erp: Erp) -> int:
    links = erp.sandbox.erp.rows(1, "FileEntityLink")
    return next(int(link["EntityID"]) for link in links if link["EntityType"] == "CustomerInvoice")


def test_an_invoices_pdf_is_listed_and_downloaded(reading: Erp) -> None:
    invoice = _invoice_with_file(reading)
    file = reading.get(f"files/CustomerInvoice/{invoice}")[0]
    url = f"{reading.sandbox.environment['UNIMICRO_FILES_URL']}/api/download"
    key = reading.headers["CompanyKey"]
    answer = reading.http.get(
        url, params={"id": file["StorageReference"], "key": key}, headers={**reading.headers, "Key": key}
    )
    assert answer.headers["content-type"] == file["ContentType"] == "application/pdf"
    assert (len(answer.content), hashlib.md5(answer.content).hexdigest()) == (file["Size"], file["Md5"])
    assert answer.content.startswith(b"%PDF-1.4")
    assert answer.content.rstrip().endswith(b"%%EOF")
    table = int(answer.content.split(b"startxref\n")[1].split()[0])
    assert answer.content[table:].startswith(b"xref")
    by_id = reading.http.get(url, params={"id": file["ID"], "key": key}, headers=reading.headers)
    assert by_id.status_code == 404
    assert reading.http.get(url, params={"id": file["StorageReference"]}, headers=reading.headers).status_code == 403


def test_the_download_action_answers_with_an_address(reading: Erp) -> None:
    file = reading.get(f"files/CustomerInvoice/{_invoice_with_file(reading)}")[0]
    address = reading.get(f"files/{file['ID']}", action="download")
    assert reading.http.get(address, headers=reading.headers).content.startswith(b"%PDF")


def test_the_other_company_does_not_get_the_file(reading: Erp) -> None:
    file = reading.get(f"files/CustomerInvoice/{_invoice_with_file(reading)}")[0]
    url = f"{reading.sandbox.environment['UNIMICRO_FILES_URL']}/api/download"
    other = reading.sandbox.erp.key(2)
    answer = reading.http.get(url, params={"id": file["StorageReference"], "key": other}, headers=reading.headers)
    assert answer.status_code == 404


def test_some_vouchers_and_supplier_invoices_have_documents_too(reading: Erp) -> None:
    kinds = {link["EntityType"] for link in reading.sandbox.erp.rows(1, "FileEntityLink")}
    assert kinds == {"CustomerInvoice", "SupplierInvoice", "JournalEntry"}
