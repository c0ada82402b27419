"""What a process that was killed leaves in our store: runs that nobody will end any more.

Its records need no help, since the next run takes them up; but whoever looks at the runs must not be told that one is
still at work.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.instance import open_instance
from sounimicro_pipelines.store import runs

MESSAGE = "The process that ran this was ended from outside; the next run has taken up its work."
NO_RUN_OF_DAGSTERS = timedelta(hours=1)
"""What people ask for outside a run of Dagster's takes seconds; after this its process is not there any more."""


def open_cleared(installation: Installation) -> dg.DagsterInstance:
    """Dagster's instance, with nothing held by dead runs there or in our store."""
    instance = open_instance(installation.settings.dagster_home)
    try:
        end_left_runs(instance, installation)
    except BaseException:
        instance.dispose()
        raise
    return instance


def end_left_runs(instance: dg.DagsterInstance, installation: Installation) -> None:
    """The runs of the store that Dagster knows to have ended, or never to have seen, are said to have failed."""
    now = installation.clock.now()
    with installation.store.read() as tx:
        left = runs.running(tx)
    for run in left:
        dagsters = instance.get_run_by_id(run.run_id.partition(".")[0])
        if dagsters.is_finished if dagsters is not None else now - run.started_at > NO_RUN_OF_DAGSTERS:
            with installation.store.transaction() as tx:
                runs.finish(tx, run.run_id, now=now, counts=run.counts, state="failed", message=MESSAGE)
