"""Both vendor systems on loopback, written from their references alone, with a world of data that can live."""

from __future__ import annotations

from sounimicro_pipelines.sandbox.faults import Fault, FaultPlan
from sounimicro_pipelines.sandbox.running import dotenv, run_sandbox
from sounimicro_pipelines.sandbox.server import PortTaken, Sandbox

__all__ = ["Fault", "FaultPlan", "PortTaken", "Sandbox", "dotenv", "run_sandbox"]
