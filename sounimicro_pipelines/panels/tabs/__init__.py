"""The tabs of the company panel, each in a module of its own, in the order of the menu."""

from __future__ import annotations

from sounimicro_pipelines.panels.tabs import budget, invoices, open_items, orders, projects, statement
from sounimicro_pipelines.panels.visit import Tab

TABS: dict[str, Tab] = {
    tab.name: tab for tab in (open_items.TAB, statement.TAB, budget.TAB, orders.TAB, invoices.TAB, projects.TAB)
}
DEFAULT_TAB = open_items.TAB.name
