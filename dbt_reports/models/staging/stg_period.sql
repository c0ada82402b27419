select
    "ID" as period_id,
    "AccountYear" as year,
    "No" as period,
    "FromDate" as from_date,
    "ToDate" as to_date,
    "PeriodSeriesID" as period_series_id
from {{ source('raw', 'period') }}
where not coalesce("Deleted", false)
