"""The tabs of the company panel, each in a module of its own."""

from __future__ import annotations

from sounimicro_pipelines.panels.tabs import invoices, open_items, statement
from sounimicro_pipelines.panels.visit import Tab

TABS: dict[str, Tab] = {tab.name: tab for tab in (open_items.TAB, statement.TAB, invoices.TAB)}
DEFAULT_TAB = open_items.TAB.name
