"""What assets and sensors are handed: the installation, opened once for each process."""

from __future__ import annotations

from functools import cached_property

import dagster as dg

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.instance import claim


class InstallationResource(dg.ConfigurableResource[Installation]):
    """The installation that the environment of this process describes."""

    @cached_property
    def _opened(self) -> Installation:
        installation = Installation.of_this_process()
        installation.prepare_home()
        return installation

    def create_resource(self, context: dg.InitResourceContext) -> Installation:
        if context.run is not None and context.instance is not None:
            claim(context.instance, context.run)
        return self._opened
