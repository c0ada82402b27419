"""What a linked record was called when the two systems agreed last, for when nobody can be asked."""

from __future__ import annotations

from sounimicro_pipelines.store import Transaction, baselines
from sounimicro_pipelines.store.links import Link

_NAMES = ("Name", "Firstname+MiddleName+Lastname", "Lastname")


def kept_name(tx: Transaction, link: Link) -> str:
    """The name, "" where no name is kept."""
    agreed = baselines.get(tx, link.id)
    return next((str(agreed.crm[one]) for one in _NAMES if agreed.crm.get(one)), "") if agreed else ""
