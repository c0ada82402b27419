"""The ERP tab: what a person in the CRM does with one company, person or project.

`record` says whom a panel is about and who may change it, `requests` what is asked of the engine, `refusals` what may
go wrong, in words; `overview`, `screens` and `forms` make what is shown, `pages` are the handlers.
"""

from __future__ import annotations
