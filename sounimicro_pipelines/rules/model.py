"""What a rule is: which records it is about, how they are matched, and which fields travel which way."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sounimicro_pipelines.rules.transforms import TRANSFORMS, Transform

RuleName = Literal["customer", "supplier", "partner", "person", "project"]
Direction = Literal["both", "to_crm", "to_erp", "none"]
Policy = Literal["erp", "crm", "newest", "ask"]
Creation = Literal["on_request", "automatic", "never"]

RULE_NAMES: tuple[RuleName, ...] = ("customer", "supplier", "partner", "person", "project")
CRM_ENTITY: dict[RuleName, str] = {
    "customer": "contact",
    "supplier": "contact",
    "partner": "contact",
    "person": "person",
    "project": "project",
}
ERP_ENTITIES: dict[RuleName, tuple[str, ...]] = {
    "customer": ("Customer",),
    "supplier": ("Supplier",),
    "partner": ("Customer", "Supplier"),
    "person": ("Contact",),
    "project": ("Project",),
}
COMPANY_KEYS = ("org_number", "erp_number", "name_and_postcode", "email_domain", "phone")
MATCH_KEYS: dict[RuleName, tuple[str, ...]] = {
    "customer": COMPANY_KEYS,
    "supplier": COMPANY_KEYS,
    "partner": COMPANY_KEYS,
    "person": ("email", "mobile", "name_within_parent"),
    "project": ("project_number", "name"),
}
CATEGORY_GROUPS = ("customer", "potential_customer", "partner", "lost", "other")
ERP_STATUSES = ("active", "pending", "inactive")
CONDITIONS: dict[str, dict[str, tuple[str, ...] | None]] = {
    "contact": {"category_group": CATEGORY_GROUPS, "category": None, "business": None},
    "person": {"retired": None, "position": None},
    "project": {"status": None, "type": None, "completed": None},
    "Customer": {"status": ERP_STATUSES, "group": None},
    "Supplier": {"status": ERP_STATUSES},
    "Contact": {},
    "Project": {"status": ("registered", "offer", "in_progress", "completed", "discarded")},
}
"""What `takes_part` may ask of each kind of record; None means ids of the tenant's own items (or yes and no)."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OnCreate(_Model):
    """What happens to a field when a record is created in the ERP.

    `required`: an empty value is refused. `ask`: the person who creates is asked, with `default` proposed.
    `default`: the value where the other side has none; it also serves when a record is created in the CRM.
    """

    required: bool = False
    ask: bool = False
    default: str | int | bool | None = None


class MatchStep(_Model):
    """One way to recognise the same record on the other side. `min_score` is 0 to 1."""

    by: str
    min_score: float = Field(default=0.92, gt=0, le=1)


class Create(_Model):
    """Whether records that only one side has are created on the other."""

    in_erp: Creation = "on_request"
    in_crm: Creation = "on_request"


class TakesPart(_Model):
    """Which records the rule is about; every condition must hold, each by one of its values."""

    crm: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    erp: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("crm", "erp", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: tuple(_word(v) for v in (item if isinstance(item, list) else [item])) for key, item in value.items()
        }


class RuleField(_Model):
    """One row of a rule: a field of each side (or of one alone) and what happens between them."""

    erp: tuple[str, ...] = ()
    crm: tuple[str, ...] = ()
    direction: Direction = "both"
    on_create: OnCreate = OnCreate()
    conflict: Policy = "ask"
    transform: str | None = None
    list: str | None = None
    show_in_search: bool = False
    show_in_erp_tab: bool = False
    key: str = ""

    @field_validator("erp", "crm", mode="before")
    @classmethod
    def _paths(cls, value: Any) -> Any:
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else value

    @field_validator("on_create", mode="before")
    @classmethod
    def _on_create(cls, value: Any) -> Any:
        if value is None or value == "optional":
            return {}
        if value == "required":
            return {"required": True}
        if isinstance(value, str):
            raise ValueError("on_create is required, optional, {default: …} or {ask: true, …}")
        return value

    @property
    def name(self) -> str:
        """How messages name the field."""
        return " + ".join(self.erp) or " + ".join(self.crm)

    @property
    def writes_crm(self) -> bool:
        return self.direction in ("both", "to_crm")

    @property
    def writes_erp(self) -> bool:
        return self.direction in ("both", "to_erp")

    @property
    def transformer(self) -> Transform:
        """Raises KeyError before the loader has settled the transform."""
        return TRANSFORMS["list" if self.list and self.transform is None else self.transform or "text"]


class Rule(_Model):
    """A whole rule. The order of `fields` is the order on screen."""

    rule: RuleName
    active: bool = True
    erp: tuple[str, ...]
    crm: str
    takes_part: TakesPart = TakesPart()
    match: tuple[MatchStep, ...] = ()
    create: Create = Create()
    quiet_period: float = 0.0
    fields: tuple[RuleField, ...] = Field(min_length=1)

    @field_validator("erp", mode="before")
    @classmethod
    def _entities(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("match", mode="before")
    @classmethod
    def _steps(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        steps: list[Any] = []
        for step in value:
            if isinstance(step, str):
                steps.append({"by": step})
            elif isinstance(step, dict) and len(step) == 1:
                [(by, options)] = step.items()
                steps.append({"by": by, **options} if isinstance(options, dict) else {"by": by, "min_score": options})
            else:
                steps.append(step)
        return steps

    @field_validator("quiet_period", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)", str(value).strip())
        if found is None:
            raise ValueError("a quiet period is a number with s, m, h or d, such as 30s or 5m")
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]

    @model_validator(mode="after")
    def _keys(self) -> Self:
        taken: set[str] = set()
        fields = []
        for field in self.fields:
            key = "+".join(field.crm) or "+".join(field.erp)
            if key in taken:
                key = f"{key}@{'+'.join(field.erp)}"
            taken.add(key)
            fields.append(field.model_copy(update={"key": key}))
        object.__setattr__(self, "fields", tuple(fields))
        return self

    @property
    def role(self) -> str:
        """The role of this rule's links; a person's is its parent's, a partner's those of its two links."""
        return {"person": "person", "partner": "partner"}.get(self.rule, self.rule)

    def field(self, key: str) -> RuleField | None:
        """The field by its key or by one of its paths."""
        for field in self.fields:
            if key in (field.key, *field.erp, *field.crm):
                return field
        return None

    def crm_paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(path for field in self.fields for path in field.crm))

    def erp_paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(path for field in self.fields for path in field.erp))


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
