"""The JSON API: what the screens show, for others to build on. Money is decimal text, days are ISO."""

from __future__ import annotations

from sounimicro_pipelines.panels.api.answers import error_answer
from sounimicro_pipelines.panels.api.figures import router
from sounimicro_pipelines.panels.api.records import router as records_router
from sounimicro_pipelines.panels.api.requests import router as requests_router

__all__ = ["error_answer", "records_router", "requests_router", "router"]
