"""The tenant's lists as a new Norwegian tenant has them: multi-language names, tenant-specific ids (2.3, 2.8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sounimicro_pipelines.sandbox.superoffice.tables import Database

CUSTOMER, PROSPECT, SUPPLIER, PARTNER, FORMER, OWN = 1, 2, 3, 4, 5, 6
"""Ids of the categories. The group, not the id or text, says what a category means."""

STARTED, FINISHED = 2, 4
CUSTOMER_PROJECT = 2

CATEGORIES = (
    (CUSTOMER, 'NO:"Kunde";US:"Customer"', "Customer", False),
    (PROSPECT, 'NO:"Potensiell kunde";US:"Potential customer"', "PotentialCustomer", False),
    (SUPPLIER, 'NO:"Leverandør";US:"Supplier"', "Other", False),
    (PARTNER, 'NO:"Partner";US:"Partner"', "Partner", False),
    (FORMER, 'NO:"Tapt kunde";US:"Lost customer"', "Lost", False),
    (OWN, 'NO:"Eget firma";US:"Own company"', "Other", False),
    (9, 'NO:"Gammel kategori";US:"Old category"', "Other", True),
)
BUSINESSES = (
    (1, 'NO:"Bygg og anlegg";US:"Construction"'),
    (2, 'NO:"Handel";US:"Trade"'),
    (3, 'NO:"Industri";US:"Manufacturing"'),
    (4, 'NO:"IT";US:"IT"'),
    (5, 'NO:"Offentlig";US:"Public sector"'),
    (6, 'NO:"Transport";US:"Transport"'),
    (7, 'NO:"Hotell/Restaurant";US:"Hotel/Restaurant"'),
)
POSITIONS = (
    (1, 'NO:"Leder";US:"Manager"'),
    (2, 'NO:"Innkjøp";US:"Purchasing"'),
    (3, 'NO:"Økonomi";US:"Finance"'),
    (4, 'NO:"Prosjekt";US:"Projects"'),
    (5, 'NO:"Salg";US:"Sales"'),
    (6, 'NO:"Drift";US:"Operations"'),
)
PROJECT_STATUSES = (
    (1, 'NO:"Ikke startet";US:"Not started"'),
    (STARTED, 'NO:"Startet";US:"Started"'),
    (3, 'NO:"Utsatt";US:"Postponed"'),
    (FINISHED, 'NO:"Ferdig";US:"Finished"'),
)
PROJECT_TYPES = (
    (1, 'NO:"Internt prosjekt";US:"Internal project"'),
    (CUSTOMER_PROJECT, 'NO:"Kundeprosjekt";US:"Customer project"'),
)
MEMBER_TYPES = ((1, 'NO:"Deltaker";US:"Participant"'), (2, 'NO:"Prosjektleder";US:"Project manager"'))
CLASSES = (
    (4, 'NO:"A-kunde";US:"A customer"'),
    (5, 'NO:"B-kunde";US:"B customer"'),
    (6, 'NO:"C-kunde";US:"C customer"'),
)
CURRENCIES = ((1, "NOK", 1.0), (2, "EUR", 11.62), (3, "USD", 10.71), (4, "SEK", 1.02))
COUNTRIES = (
    (578, 'NO:"Norge";US:"Norway"', "Norway", "NO", "NOR", "47", 4),
    (752, 'NO:"Sverige";US:"Sweden"', "Sweden", "SE", "SWE", "46", 4),
    (208, 'NO:"Danmark";US:"Denmark"', "Denmark", "DK", "DNK", "45", 4),
    (246, 'NO:"Finland";US:"Finland"', "Finland", "FI", "FIN", "358", 4),
    (276, 'NO:"Tyskland";US:"Germany"', "Germany", "DE", "DEU", "49", 4),
    (826, 'NO:"Storbritannia";US:"United Kingdom"', "United Kingdom", "GB", "GBR", "44", 1),
)


def fill(db: Database, now: datetime) -> None:
    """Put all lists into an empty database."""
    stamps = {"registered": now, "updated": now}

    def add(table: str, **values: Any) -> None:
        db[table].insert({"rank": len(db[table]) + 1, **values, **stamps})

    for key, name, group, deleted in CATEGORIES:
        add("category", category_id=key, name=name, categoryGroup=group, deleted=deleted)
    for table, items in (
        ("business", BUSINESSES),
        ("perspos", POSITIONS),
        ("projstatus", PROJECT_STATUSES),
        ("projtype", PROJECT_TYPES),
        ("pmembtype", MEMBER_TYPES),
    ):
        for key, name in items:
            add(table, **{db[table].pk: key}, name=name)
    for key, name in CLASSES:
        add("udlist", udlist_id=key, name=name, udlistdefinition_id=1)
    for key, name, rate in CURRENCIES:
        add("currency", currency_id=key, name=name, rate=rate)
    for key, title in enumerate(('NO:"Herr";US:"Mr"', 'NO:"Fru";US:"Mrs"'), start=1):
        add("mrmrs", mrmrs_id=key, name=title)
    add("salutation", salutation_id=1, name='NO:"Hei";US:"Dear"')
    for key, name, english, two, three, dial, layout in COUNTRIES:
        add(
            "country",
            country_id=key,
            name=name,
            english_name=english,
            two_letter=two,
            three_letter=three,
            dial_in_prefix=dial,
            domain_name=two.lower(),
            address_layout_id=layout,
            currency_id=1 if key == 578 else 2,
            orgnr_text='NO:"Org.nr.";US:"VAT no."',
        )
