"""The neutral register: who exists, who knows whom, and how each system happens to have written it down.

Neither vendor's terms belong here. The two sandbox servers each make their own records from this register.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Place:
    """A Norwegian address: street or box, postcode of four digits, postal place in capitals as the post writes it."""

    line: str
    postcode: str
    city: str
    country_code: str = "NO"
    country: str = "Norge"


@dataclass(frozen=True, slots=True)
class ErpCompany:
    """One company (klient) in the ERP. `index` counts from 1; `key` is its CompanyKey guid."""

    index: int
    key: str
    name: str
    org_number: str
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Associate:
    """An employee of ours who sells: an associate (user) in the CRM, a seller with a user in the ERP companies.

    `key` counts from 1. `login` is unique. `email` is the same in both systems.
    """

    key: int
    first_name: str
    last_name: str
    login: str
    email: str
    mobile: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(slots=True)
class Individual:
    """A contact person at a party.

    `key` counts from 1 over the whole register. `mobile` and `phone` are eight digits without country code, or "".
    `in_crm` and `in_erp` (company indexes) say where the person is registered at the start.
    """

    key: int
    party_key: int
    first_name: str
    middle_name: str
    last_name: str
    role: str
    mobile: str
    phone: str
    email: str
    in_crm: bool
    in_erp: frozenset[int]

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.first_name, self.middle_name, self.last_name) if part)


@dataclass(slots=True)
class Party:
    """A company that is our customer, supplier or both.

    `key` counts from 1. `org_number` is the true one (nine digits, valid by mod 11), or "" for a party that has
    none. `crm_org_number` and `erp_org_number` are what each system holds: possibly "", or written in another way
    (`NO 914 123 453 MVA`). `crm_name` is how the CRM writes the name, which may differ slightly from `name`.
    `customer_of` and `supplier_of` hold the ERP company indexes that know it in that role; both empty means that the
    party is in the CRM alone, and `in_crm` False that it is in the ERP alone. `near_duplicate_of` is the key of the
    party whose name this one nearly repeats, though it is somebody else. `postal` is where letters and invoices go,
    `street` where one visits. `phone` is eight digits, `web` has no scheme.
    """

    key: int
    name: str
    crm_name: str
    org_number: str
    crm_org_number: str
    erp_org_number: str
    postal: Place
    street: Place
    phone: str
    email: str
    web: str
    seller_key: int
    customer_of: frozenset[int]
    supplier_of: frozenset[int]
    in_crm: bool
    near_duplicate_of: int | None = None
    persons: list[Individual] = field(default_factory=list)

    @property
    def domain(self) -> str:
        return self.email.partition("@")[2]

    @property
    def erp_companies(self) -> frozenset[int]:
        return self.customer_of | self.supplier_of


@dataclass(slots=True)
class Venture:
    """A project. `number` is unique within its ERP company; `party_key` is the customer it is done for.

    `company` is the ERP company it is run in. `in_crm` and `in_erp` say where it is registered at the start (at least
    one). `member_keys` are Individuals of the customer. `end` is None while the work goes on.
    """

    key: int
    number: str
    name: str
    company: int
    party_key: int
    lead_key: int
    start: date
    planned_end: date
    end: date | None
    in_crm: bool
    in_erp: bool
    member_keys: tuple[int, ...] = ()


@dataclass(slots=True)
class Register:
    """Everything both systems start from. The same seed, scale and day always give the same register."""

    seed: int
    today: date
    companies: list[ErpCompany]
    associates: list[Associate]
    parties: list[Party]
    ventures: list[Venture]

    @property
    def persons(self) -> list[Individual]:
        return [person for party in self.parties for person in party.persons]

    def party(self, key: int) -> Party:
        return self.parties[key - 1]

    def associate(self, key: int) -> Associate:
        return self.associates[key - 1]

    def company(self, index: int) -> ErpCompany:
        return self.companies[index - 1]
