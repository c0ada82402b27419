"""The ERP companies that the client may act on, and which of them are used (reference, 1.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Company:
    """One ERP company. `alias` names it in tables, files and addresses; `key` is the ERP's CompanyKey."""

    alias: str
    key: str
    name: str
    organization_number: str | None = None
    is_test: bool = False
    is_template: bool = False


REASONS = {
    "withdrawn": "the client may not use it any more; check that the company has the integration activated in Unimicro",
    "not_named": "it is not named in SOUNIMICRO_COMPANIES",
    "template": "it is a template company (SOUNIMICRO_INCLUDE_TEST_COMPANIES=true uses it, or name it)",
    "test": "it is a test company (SOUNIMICRO_INCLUDE_TEST_COMPANIES=true uses it, or name it)",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A company that is not used, and why: a key of `REASONS`."""

    company: Company
    why: str

    @property
    def reason(self) -> str:
        return REASONS[self.why]


def parse_companies(rows: Iterable[Mapping[str, Any]]) -> list[Company]:
    """Companies from the ERP's list, in either spelling; each once. A row without a key is left out."""
    companies: dict[str, Company] = {}
    for row in rows:
        key = row.get("Key") or row.get("CompanyKey")
        if not isinstance(key, str) or not key.strip():
            continue
        number = row.get("OrganizationNumber") or row.get("OrgNumber")
        companies.setdefault(
            key.strip().lower(),
            Company(
                alias=re.sub(r"[^a-z0-9_-]", "-", key.strip().lower())[:40],
                key=key.strip(),
                name=str(row.get("Name") or row.get("CompanyName") or ""),
                organization_number=str(number).replace(" ", "") if number else None,
                is_test=_is_true(row.get("IsTest")),
                is_template=_is_true(row.get("IsTemplate")) or _is_true(row.get("IsGlobalTemplate")),
            ),
        )
    return list(companies.values())


def _is_true(value: Any) -> bool:
    """Truth in each of the vendor's spellings: true, 'true', 1."""
    return str(value).lower() in ("true", "1")


def choose(
    companies: Sequence[Company], settings: Settings, known: Sequence[Company] = ()
) -> tuple[list[Company], list[Skipped]]:
    """The companies to use under their aliases, and the others with the reason.

    A company that is named in SOUNIMICRO_COMPANIES is used whatever it is. `known` were used before: one of them that
    the client may not use any more is left out, and keeps no other from its work. Raises SettingsError when another
    named one is not among those the client may use, or when none is left.
    """
    aliases = settings.company_aliases
    by_key = {company.key.lower(): company for company in companies}
    missing = [alias for key, alias in aliases.items() if key not in by_key]
    withdrawn = [one for one in known if one.key.lower() in aliases and one.key.lower() not in by_key]
    if missing and (len(withdrawn) < len(missing) or len(missing) == len(aliases)):
        raise SettingsError(
            [
                f"SOUNIMICRO_COMPANIES: the client may not use the company «{alias}»; check its CompanyKey, and that "
                "the company has activated the integration for this client in Unimicro."
                for alias in missing
            ]
        )
    used: list[Company] = []
    skipped = [Skipped(_under(aliases[one.key.lower()], one), "withdrawn") for one in withdrawn]
    for key, company in by_key.items():
        reason = _reason_to_skip(company, key, aliases, settings.sounimicro_include_test_companies)
        if reason:
            skipped.append(Skipped(company, reason))
        else:
            used.append(_under(aliases.get(key, company.alias), company))
    order = list(aliases)
    used.sort(key=lambda company: order.index(company.key.lower()) if order else 0)
    if not used:
        lines = ["No ERP company is left to use; name one in SOUNIMICRO_COMPANIES or give the client access to one."]
        lines += [f"Skipped {one.company.name or one.company.key}: {one.reason}." for one in skipped]
        raise SettingsError(lines)
    return used, skipped


def _reason_to_skip(company: Company, key: str, aliases: Mapping[str, str], include_test: bool) -> str:
    if aliases:
        return "" if key in aliases else "not_named"
    if include_test:
        return ""
    if company.is_template:
        return "template"
    if company.is_test:
        return "test"
    return ""


def _under(alias: str, company: Company) -> Company:
    return Company(
        alias=alias,
        key=company.key,
        name=company.name,
        organization_number=company.organization_number,
        is_test=company.is_test,
        is_template=company.is_template,
    )
