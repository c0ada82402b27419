"""The fictional world that both sandbox servers are filled from: one neutral register, and the ledgers built on it."""

from __future__ import annotations

from sounimicro_pipelines.sandbox.world.population import build_register
from sounimicro_pipelines.sandbox.world.register import (
    Associate,
    ErpCompany,
    Individual,
    Party,
    Place,
    Register,
    Venture,
)

__all__ = ["Associate", "ErpCompany", "Individual", "Party", "Place", "Register", "Venture", "build_register"]
