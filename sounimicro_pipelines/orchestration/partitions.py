"""The partitions: one for each ERP company in use, named by its alias."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

COMPANY = "company"

companies = dg.DynamicPartitionsDefinition(name=COMPANY)


def keep_partitions(instance: dg.DagsterInstance, aliases: Iterable[str]) -> tuple[list[str], list[str]]:
    """Makes the partitions equal to the companies in use; answers what came and what went."""
    wanted, have = list(aliases), set(instance.get_dynamic_partitions(COMPANY))
    came = [alias for alias in wanted if alias not in have]
    went = sorted(have - set(wanted))
    if came:
        instance.add_dynamic_partitions(COMPANY, came)
    for alias in went:
        instance.delete_dynamic_partition(COMPANY, alias)
    return came, went


def file_tag(name: str) -> dict[str, str]:
    """Runs with the same tag value wait for each other: they open the same warehouse file."""
    return {"sounimicro/file": name}
