"""What assets and sensors are handed: the installation, opened once for each process."""

from __future__ import annotations

from functools import cached_property

import dagster as dg

from sounimicro_pipelines.installation import Installation


class InstallationResource(dg.ConfigurableResource[Installation]):
    """The installation that the environment of this process describes."""

    @cached_property
    def _opened(self) -> Installation:
        installation = Installation.of_this_process()
        installation.prepare_home()
        return installation

    def create_resource(self, context: dg.InitResourceContext) -> Installation:
        return self._opened
