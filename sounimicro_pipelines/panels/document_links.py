"""What a page shows of documents: a link for each file, and the way to the invoice or voucher in the ERP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.figures.documents import documents
from sounimicro_pipelines.panels.filenames import clean_name
from sounimicro_pipelines.panels.visit import Visit
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.store import Transaction

DOCUMENT_PATH = "/panel/document"
ERP_PATH = "/panel/in-erp"


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
    return {"files": shown, "in_erp": in_erp_link(visit.words, visit.address, owner, owner_id)}


def in_erp_link(words: Words, address: Address, owner: str, owner_id: int) -> tuple[str, str]:
    """Text and address of the way to an invoice or voucher in the ERP."""
    return words(f"documents.in_erp.{owner}"), _in_erp(address, owner, owner_id)


@dataclass(frozen=True, slots=True)
class DocumentLink:
    """A stored file and where it is fetched from. `size` in bytes, null when unknown."""

    file_id: int
    name: str
    content_type: str
    size: int | None
    href: str


def party_documents(tx: Transaction, subject: Subject, owner: str, owner_id: int) -> list[DocumentLink]:
    """The files of an invoice or voucher of a party. Raises NotFound when it is not theirs."""
    address = _of(subject)
    return [
        DocumentLink(
            file_id=file.file_id,
            name=clean_name(file.name, otherwise=f"document-{file.file_id}"),
            content_type=file.content_type,
            size=file.size,
            href=address.to(owner=owner, of=owner_id, file=file.file_id),
        )
        for file in documents(tx, subject, owner, owner_id)
        if file.storage_reference
    ]


def party_in_erp(subject: Subject, owner: str, owner_id: int) -> str:
    """The way to an invoice or voucher of a party in the ERP."""
    return _in_erp(_of(subject), owner, owner_id)


def _of(subject: Subject) -> Address:
    whom = {"company": subject.company, "role": subject.role, "party": str(subject.party_id)}
    return Address(DOCUMENT_PATH, whom)


def _in_erp(address: Address, owner: str, owner_id: int) -> str:
    return address.at(ERP_PATH).to(owner=owner, of=owner_id)
