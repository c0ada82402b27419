{{ config(materialized='table', meta={'when': ['raw.period']}) }}

-- The financial year and period of each calendar day, by the company's own periods 1 to 12. VAT periods are another
-- series over the same days and longer, so the shortest period wins, then the first series. For thirty years before the
-- first of these days and ten behind the last, years go on as the nearest known one does: otherwise the months of the
-- calendar would fall among the periods of a year that does not begin in January.
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
),

own_day as (
    select
        day,
        year,
        period
    from period_day
    qualify row_number() over (partition by day order by days, period_series_id, period_id) = 1
),

span as (
    select
        min(day) as first_day,
        max(day) as last_day
    from own_day
    having count(*) > 0
),

earlier_day as (
    select
        cast(unnest(generate_series(first_day - interval 30 years, first_day - interval 1 day, interval 1 day)) as date)
            as day,
        first_day
    from span
),

later_day as (
    select
        cast(unnest(generate_series(last_day + interval 1 day, last_day + interval 10 years, interval 1 day)) as date)
            as day,
        last_day
    from span
),

-- By how many years a day must move to be no longer outside.
moved_day as (
    select
        day,
        year(first_day) - year(day)
        + case when day + to_years(cast(year(first_day) - year(day) as integer)) < first_day then 1 else 0 end as years
    from earlier_day

    union all

    select
        day,
        year(last_day) - year(day)
        - case when day + to_years(cast(year(last_day) - year(day) as integer)) > last_day then 1 else 0 end as years
    from later_day
)

select
    day,
    year,
    period
from own_day

union all

select
    moved_day.day,
    own_day.year - moved_day.years as year,
    own_day.period
from moved_day
join own_day on own_day.day = cast(moved_day.day + to_years(cast(moved_day.years as integer)) as date)
