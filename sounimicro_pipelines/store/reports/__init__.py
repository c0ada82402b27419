"""The published report tables: made from their columns, written a group at a time, read by the panels.

A report table carries `company` (the alias) first and has the mart's columns after it. On SQLite decimals are text
(`-1234.50`), dates `YYYY-MM-DD`, booleans 0/1 and moments UTC ISO with `Z`; on Postgres they have native types and live
in schema `reports`. Readers get Decimal, date, bool and datetime whichever it is.
"""

from sounimicro_pipelines.store.reports.groups import (
    PublishedBuild,
    claim,
    digests,
    digests_of_party,
    drop_digests,
    published_builds,
    set_claim,
    set_digests,
    set_published_builds,
)
from sounimicro_pipelines.store.reports.reading import (
    as_bool,
    as_date,
    as_decimal,
    as_moment,
    read_rows,
)
from sounimicro_pipelines.store.reports.tables import (
    ReportColumn,
    ReportTable,
    ensure,
    ensure_indexes,
    exists,
    qualified,
)
from sounimicro_pipelines.store.reports.versions import (
    Published,
    forget_company,
    hold_company,
    mark_untied,
    published,
    published_companies,
    set_published,
    standing,
)
from sounimicro_pipelines.store.reports.writing import (
    GroupCondition,
    copy_lines,
    delete_company,
    delete_groups,
    delete_some,
    insert_tuples,
    update_tuples,
)

__all__ = [
    "GroupCondition",
    "Published",
    "PublishedBuild",
    "ReportColumn",
    "ReportTable",
    "as_bool",
    "as_date",
    "as_decimal",
    "as_moment",
    "claim",
    "copy_lines",
    "delete_company",
    "delete_groups",
    "delete_some",
    "digests",
    "digests_of_party",
    "drop_digests",
    "ensure",
    "ensure_indexes",
    "exists",
    "forget_company",
    "hold_company",
    "insert_tuples",
    "mark_untied",
    "published",
    "published_builds",
    "published_companies",
    "qualified",
    "read_rows",
    "set_claim",
    "set_digests",
    "set_published",
    "set_published_builds",
    "standing",
    "update_tuples",
]
