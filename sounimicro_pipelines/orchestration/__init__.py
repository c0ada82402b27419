"""Everything that knows Dagster: resources, partitions, assets, checks, sensors, schedules and jobs."""
