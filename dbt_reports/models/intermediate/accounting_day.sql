{{ config(materialized='table', meta={'when': ['raw.period']}) }}

-- The financial year and period of each calendar day, by the company's own periods 1 to 12. VAT periods are another
-- series over the same days and longer, so the shortest period wins, then the first series.
with period_day as (
    select
        cast(unnest(generate_series(from_date, to_date, interval 1 day)) as date) as day,
        year,
        period,
        period_id,
        period_series_id,
        to_date - from_date as days
    from {{ ref('stg_period') }}
    where
        period between 1 and 12
        and from_date <= to_date
        and to_date - from_date <= 400
)

select
    day,
    year,
    period
from period_day
qualify row_number() over (partition by day order by days, period_series_id, period_id) = 1
