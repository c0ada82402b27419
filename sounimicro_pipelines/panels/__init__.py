"""The web app that people in the CRM see: figures now, with room for the ERP tab, setup and webhooks.

`create_app(settings, store)` gives the ASGI app. Words come from catalogues in `texts/`, figures from the published
tables through `figures/`, which the pages and the JSON API share.
"""

from __future__ import annotations

from sounimicro_pipelines.panels.app import create_app

__all__ = ["create_app"]
