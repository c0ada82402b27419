from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.unimicro.client import CompanyClient
from sounimicro_pipelines.unimicro.files import StoredFile, bill_link, choose_pdf, files_of, invoice_link, voucher_link
from sounimicro_pipelines_tests.http_server import Answer
from sounimicro_pipelines_tests.unimicro.fake_erp import FakeErp, company_of, stamped

T = TypeVar("T")


def using(erp: FakeErp, folder: Path, use: Callable[[CompanyClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with company_of(erp, folder) as company:
            return await use(company)

    return asyncio.run(run())


def stored(file_id: int, name: str, day: int, content_type: str = "application/pdf") -> StoredFile:
    return StoredFile(file_id, name, content_type, 1, f"ref-{file_id}", datetime(2026, 1, day, tzinfo=UTC))


def test_the_pdf_named_by_the_number_is_chosen_else_the_newest_else_none() -> None:
    files = [
        stored(1, "Faktura 50112.pdf", 1),
        stored(2, "Vedlegg.pdf", 9),
        stored(3, "50112.xml", 8, "application/xml"),
    ]
    assert choose_pdf(files, "50112") == files[0]
    assert choose_pdf(files, "777") == files[1]
    assert choose_pdf(files, None) == files[1]
    assert choose_pdf(files[2:], "50112") is None
    assert choose_pdf([], "50112") is None


def test_files_of_a_record_are_listed_newest_first_without_deleted_ones(tmp_path: Path) -> None:
    rows = [
        stamped(1, Name="a.pdf", ContentType="application/pdf", Size="12", StorageReference="r1"),
        stamped(2, "2026-05-01T00:00:00Z", Name="b.pdf", ContentType=None, Size=None, StorageReference="r2"),
        stamped(3) | {"Deleted": True},
    ]
    erp = FakeErp(before=lambda r: Answer(rows) if r.path == "/api/biz/files/CustomerInvoice/42" else None)

    async def use(company: CompanyClient) -> None:
        files = await files_of(company, "CustomerInvoice", 42)
        assert [(one.id, one.size, one.is_pdf) for one in files] == [(2, None, True), (1, 12, True)]
        assert invoice_link(company, 42) == f"{erp.url}/#/sales/invoices/42"
        assert bill_link(company, 42) == f"{erp.url}/#/accounting/bills/42"
        asked = f"{erp.url}/#/accounting/transquery?JournalEntryNumber=8&AccountYear="
        assert voucher_link(company, "8-2025", date(2026, 1, 2)) == f"{asked}2025"
        assert voucher_link(company, "8", date(2026, 1, 2)) == f"{asked}2026"

    using(erp, tmp_path, use)


@pytest.mark.parametrize("status", [404, 401])
def test_where_the_short_route_is_missing_files_are_found_by_their_links(tmp_path: Path, status: int) -> None:
    erp = FakeErp(before=lambda r: Answer(status=status) if r.path == "/api/biz/files/JournalEntry/991" else None)
    link = {"EntityType": "JournalEntry", "EntityID": 991}
    erp.rows("files").extend([stamped(1, Name="x.pdf", EntityLinks=[link]), stamped(2, Name="y", EntityLinks=[])])

    async def use(company: CompanyClient) -> list[int]:
        return [one.id for one in await files_of(company, "JournalEntry", 991)]

    assert using(erp, tmp_path, use) == [1]
