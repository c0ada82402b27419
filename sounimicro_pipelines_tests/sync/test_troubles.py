"""What a system refuses again and again is told with its cause, tried again, and over by itself when it is taken."""

from __future__ import annotations

from unittest.mock import AsyncMock, patch

import pytest

from sounimicro_pipelines.store import issues
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.transport import NotFound, PreconditionFailed, VendorError
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool

__all__ = ["calm", "pool"]


def told(calm: Calm) -> list[Issue]:
    with calm.store.read() as tx:
        return issues.listing(tx)


@pytest.mark.parametrize(
    "error", [NotFound("Sim", "PUT", status=404), PreconditionFailed("Sim", "PUT", status=412)], ids=["gone", "moved"]
)
def test_a_write_that_is_refused_as_if_the_record_had_moved_though_it_is_read_is_told(
    calm: Calm, error: VendorError
) -> None:
    crm, erp, _ = calm.linked_company()
    calm.crm.person_types(crm, "Address.Postal.City", "Drammen")
    with patch.object(calm.erp["K1"], "write", AsyncMock(side_effect=error)):
        calm.sync()
    (issue,) = told(calm)
    assert (issue.kind, issue.cause) == (type(error).__name__.lower(), error.message)
    calm.later(7 * 3600)
    calm.sync()
    assert erp.values["Info.InvoiceAddress.City"] == "Drammen"
    assert told(calm) == []
