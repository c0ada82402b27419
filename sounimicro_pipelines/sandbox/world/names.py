"""Words and places from which the fictional register is put together. Nothing here names a real customer."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "Anne Ingrid Kari Marit Liv Eva Berit Astrid Bjørg Hilde Nina Elin Tone Silje Ida Ingeborg Solveig Åse Guro Maja "
    "Jan Per Bjørn Ole Lars Kjell Knut Svein Arne Thomas Geir Hans Tor Morten Terje Øyvind Håkon Sindre Ådne Jens"
)

MIDDLE_NAMES = ("Marie", "Johan", "Helene", "Sofie", "Andreas", "Kristine", "Erik", "Louise")

LAST_NAMES = _words(
    "Hansen Johansen Olsen Larsen Andersen Pedersen Nilsen Kristiansen Jensen Karlsen Berg Haugen Hagen Bakken Moen "
    "Solberg Strand Lunde Dahl Aasen Ødegård Nygård Vik Sæther Bråten Fossum Tveit Myhre Løken Grønli Nes Kvåle Østby"
)

LAST_NAMES_WITH_PARTICLES = ("von Krogh", "de Lange", "van der Meer", "Wessel-Berg", "Holm Nielsen")

STEMS = _words(
    "Fjord Nord Sør Vest Øst Bryggen Havn Elv Skog Fjell Vik Strand Lofot Sunn Hardanger Trønder Viken Agder Rogaland "
    "Finnmark Telemark Valdres Romsdal Nesodd Ringerike Toten Jæren Karmøy Stord Voss Sogn Nordmøre Helgeland Salten "
    "Bjørk Gran Furu Stein Malm Brenn Å Øy Skjær Tind Bre Dal Foss Bekk"
)

ENDINGS = ("", "vik", "dal", "stad", "berg", "nes", "heim", "lia", "sund", "voll")

TRADES = _words(
    "Mekaniske Elektro Rør Bygg Eiendom Regnskap Transport Maskin Trelast Sveis Kjøling Ventilasjon Maling Gulv Tak "
    "Tømrer Betong Sjømat Data Konsult Teknikk Industri Verksted Energi Skipsservice Varme Automasjon Hydraulikk"
)

JOINERS = ("", "", "", " & Sønn", " og Co", " Gruppen", " Norge", " Service")

LEGAL_FORMS = ("AS", "AS", "AS", "AS", "AS", "ASA", "ANS", "DA", "SA", "ENK")

STREETS = _words(
    "Kaigata Storgata Kirkegata Industriveien Havnegata Skolegata Jernbanegata Strandveien Verftsgata Torggata "
    "Møllegata Bryggeveien Fjellveien Elvegata Parkveien Solbakken Slottsgata Holmegata Teknologiveien"
)

PLACES = (
    ("0151", "OSLO", "22"),
    ("0484", "OSLO", "23"),
    ("1338", "SANDVIKA", "67"),
    ("1532", "MOSS", "69"),
    ("1601", "FREDRIKSTAD", "69"),
    ("2000", "LILLESTRØM", "63"),
    ("2317", "HAMAR", "62"),
    ("2609", "LILLEHAMMER", "61"),
    ("2815", "GJØVIK", "61"),
    ("3015", "DRAMMEN", "32"),
    ("3210", "SANDEFJORD", "33"),
    ("3717", "SKIEN", "35"),
    ("4006", "STAVANGER", "51"),
    ("4611", "KRISTIANSAND S", "38"),
    ("4841", "ARENDAL", "37"),
    ("5003", "BERGEN", "55"),
    ("5527", "HAUGESUND", "52"),
    ("5700", "VOSS", "56"),
    ("6002", "ÅLESUND", "70"),
    ("6413", "MOLDE", "71"),
    ("7010", "TRONDHEIM", "73"),
    ("7713", "STEINKJER", "74"),
    ("8006", "BODØ", "75"),
    ("8622", "MO I RANA", "75"),
    ("9008", "TROMSØ", "77"),
    ("9510", "ALTA", "78"),
)
"""Postcode, postal place, and the first two digits of its fixed-line numbers."""

ROLES = (
    "Daglig leder",
    "Innkjøper",
    "Økonomisjef",
    "Regnskapsansvarlig",
    "Prosjektleder",
    "Driftssjef",
    "Salgssjef",
    "Lagerleder",
)

PROJECT_WORK = (
    "Ombygging",
    "Nybygg",
    "Rehabilitering",
    "Vedlikehold",
    "Utskifting",
    "Automasjon",
    "Kartlegging",
    "Oppgradering",
)

PROJECT_PLACE = ("verksted", "lager", "kontor", "kai", "fryseri", "maskinhall", "pumpestasjon", "tavlerom", "skole")
