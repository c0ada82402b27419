"""What can go wrong when reports are built."""

from __future__ import annotations

from pathlib import Path

from sounimicro_pipelines.errors import SounimicroError


class ReportProjectBroken(SounimicroError):
    """The dbt project cannot be read."""


class ReportBuildFailed(SounimicroError):
    """A model could not be built; the reports of the last finished build stay published."""

    def __init__(self, company: str, models: list[tuple[str, str]], log: Path) -> None:
        first, reason = models[0]
        others = f" ({len(models) - 1} more after it)" if len(models) > 1 else ""
        super().__init__(
            f"The reports of «{company}» were not built: {first}{others}: {reason}",
            remedy=f"What was published stays. The log is {log}; build again with a full refresh after the cure.",
        )
        self.company = company
        self.models = models


class ReportsMissing(SounimicroError):
    """No report has been built in a warehouse file yet."""
