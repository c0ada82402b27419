"""Both vendor systems on loopback, written from their references alone, with a world of data that can live."""

from __future__ import annotations

from sounimicro_pipelines.sandbox.faults import Fault, FaultPlan
from sounimicro_pipelines.sandbox.server import Sandbox

__all__ = ["Fault", "FaultPlan", "Sandbox"]
