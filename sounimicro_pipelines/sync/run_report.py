"""What a run tells of itself: counts that add up, and ids and field names of what it changed. No values."""

from __future__ import annotations

from dataclasses import dataclass, field

from sounimicro_pipelines.sync.agreement import Agreed
from sounimicro_pipelines.sync.weigh import Group

WORDS = ("applied", "unchanged", "held", "conflicts", "failed")


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a run's table: ids and field names, no values."""

    rule: str
    company_key: str
    crm: str
    erp: str
    side: str
    field: str


@dataclass(slots=True)
class RunReport:
    """What a run did; `counts["in"]` is the sum of the others. `refused`: a right is missing, or was until now."""

    run_id: str
    rule: str | None
    refused: bool = True
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("in", *WORDS), 0))
    changes: list[Change] = field(default_factory=list)

    def count(self, word: str) -> None:
        self.counts["in"] += 1
        self.counts[word] += 1

    def tell(self, group: Group, result: Agreed) -> None:
        """Note the fields of a group's records that were written."""
        for (side, key), place in zip(result.fields, result.places, strict=True):
            link = group.link_at(place)
            self.changes.append(
                Change(
                    rule=group.rule.rule,
                    company_key=link.company_key,
                    crm=f"crm:{link.crm_entity}:{link.crm_id}",
                    erp=f"{link.erp_entity}:{link.erp_id}",
                    side=side,
                    field=key,
                )
            )
