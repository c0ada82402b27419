"""Both vendor systems on loopback, written from their references alone, with a world of data that can live.

    with Sandbox(seed=1, parties=60, today=date(2026, 11, 20)) as sandbox:
        sandbox.environment                       # every setting a client needs
        customer = sandbox.erp.customer_id(1, 2)  # party 2 of the register, as customer in company 1
        sandbox.erp.edit(1, "Customer", customer, {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum"})
        sandbox.crm.edit("contact", 1002, {"Description": "…"})
        sandbox.faults.script(Fault("lost_after", match="POST /api/biz/customers"))
        sandbox.journal.writes("erp")             # what API clients wrote, with before and after

`world` is the neutral register, `unimicro` and `superoffice` are the two servers, `living` makes people go on working,
`faults` spoils answers, `journal` remembers writes, `running` is the command.
"""

from __future__ import annotations

from sounimicro_pipelines.sandbox.faults import Fault, FaultPlan
from sounimicro_pipelines.sandbox.running import dotenv, run_sandbox
from sounimicro_pipelines.sandbox.server import PortTaken, Sandbox

__all__ = ["Fault", "FaultPlan", "PortTaken", "Sandbox", "dotenv", "run_sandbox"]
