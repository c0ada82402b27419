"""What a page shows of documents: a link for each file, and the way to the invoice in the ERP."""

from __future__ import annotations

from typing import Any

from sounimicro_pipelines.panels.figures.documents import documents
from sounimicro_pipelines.panels.filenames import clean_name
from sounimicro_pipelines.panels.visit import Visit

DOCUMENT_PATH = "/panel/document"
ERP_PATH = "/panel/invoice-in-erp"


def document_links(visit: Visit, owner: str, owner_id: int) -> dict[str, Any]:
    """For an invoice or voucher of the visit's party. Raises NotFound when it is not theirs."""
    here = visit.address.at(DOCUMENT_PATH)
    shown = [
        {
            "name": clean_name(file.name, otherwise=visit.words("documents.unnamed", number=file.file_id)),
            "size": visit.words("documents.size", size=visit.words.integer(max(1, round(file.size / 1024))))
            if file.size is not None
            else "",
            "href": here.to(owner=owner, of=owner_id, file=file.file_id),
        }
        for file in documents(visit.tx, visit.subject, owner, owner_id)
        if file.storage_reference
    ]
    in_erp = None
    if owner == "invoice" and visit.subject.role == "customer":
        in_erp = visit.address.at(ERP_PATH).to(owner=owner, of=owner_id)
    return {"files": shown, "in_erp": in_erp}
