"""`python -m sounimicro_pipelines.panels`: the panels alone, as the settings say. The supervisor starts them so."""

from __future__ import annotations

import gc
import sys

import uvicorn

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.orchestration.runless import RunlessEvents
from sounimicro_pipelines.panels.app import create_app
from sounimicro_pipelines.panels.security import bind_address
from sounimicro_pipelines.settings import load_settings
from sounimicro_pipelines.store import open_store


def main() -> int:
    """Serve until stopped. Wrong settings or an unusable store: one clear line, and its exit code."""
    try:
        settings = load_settings()
        host, port = bind_address(settings)
        store = open_store(settings.database_url)
        events = RunlessEvents(settings.dagster_home)
        app = create_app(settings, store, tell=events)
    except SounimicroError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    gc.collect()
    gc.freeze()  # what was made to start is never garbage, and would be looked through while readers wait
    try:
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
    finally:
        events.close()
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
