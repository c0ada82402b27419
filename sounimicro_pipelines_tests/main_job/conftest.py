"""One small sandbox and one finished installation, which tests copy instead of running the first job again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sounimicro_pipelines.sandbox import FaultPlan, Sandbox
from sounimicro_pipelines_tests.main_job.plant import Plant
from sounimicro_pipelines_tests.main_job.raw_records import raw_records
from sounimicro_pipelines_tests.reports_project import ReadProject

ONLY_COMPANY = 1


class Trouble(FaultPlan):
    """A plan of faults that is exchanged while the sandbox runs."""

    def become(self, plan: FaultPlan) -> None:
        with self._lock:
            for field in fields(plan):
                if field.name != "_lock":
                    setattr(self, field.name, getattr(plan, field.name))


@dataclass
class Small:
    """A sandbox with one company, and an installation that has run twice and is never run again.

    The second run has nothing to do. `records` are the company's rows as they were read; tests change the sandbox
    afterwards.
    """

    sandbox: Sandbox
    trouble: Trouble
    finished: Plant
    folder: Path
    records: dict[str, list[dict[str, Any]]]
    _count: int = 0

    def plant(self) -> Plant:
        """A copy of the finished installation, to do with as one likes."""
        self._count += 1
        return self.finished.copy(self.folder / f"home-{self._count}")

    def people_work(self) -> None:
        """Somebody edits, sells, gets paid and credits; each time it is called, other records."""
        erp, company = self.sandbox.erp, ONLY_COMPANY
        draw = random.Random(self._count)
        customers = [row["ID"] for row in erp.rows(company, "Customer")]
        for key in draw.sample(customers, 3):
            erp.invoice(company, key, draw.randrange(1000, 90000))
        open_invoices = [
            row["ID"]
            for row in erp.rows(company, "CustomerInvoice")
            if (row.get("RestAmount") or 0) > 100 and row.get("CurrencyExchangeRate") == 1 and not row.get("Credited")
        ]
        paid, part_paid, credited = draw.sample(open_invoices, 3)
        erp.pay(company, paid)
        erp.pay(company, part_paid, Decimal(100))
        erp.credit(company, credited)
        erp.edit(company, "Customer", customers[0], {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum"})
        erp.edit(company, "Customer", customers[0], {"Info.Name": f"Nytt Navn {draw.randrange(1000)} AS"})


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, reports_project: ReadProject) -> Iterator[Small]:
    trouble = Trouble()
    folder = tmp_path_factory.mktemp("plants")
    with Sandbox(seed=11, parties=12, companies=1, faults=trouble) as sandbox:
        finished = Plant(sandbox, folder / "finished")
        result = finished.run()
        assert [one.reason for one in result.outcomes] == ["", ""]
        assert result.consistent
        assert finished.run().consistent
        yield Small(sandbox, trouble, finished, folder, raw_records(sandbox, ONLY_COMPANY))


def try_again_at_once(patch: pytest.MonkeyPatch) -> None:
    """Dagster does not wait before it tries a step again."""
    patch.setattr(dg.RetryPolicy, "calculate_delay", lambda self, attempt: 0.0)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    try_again_at_once(monkeypatch)
