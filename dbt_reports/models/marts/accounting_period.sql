{{ config(
    materialized='table',
    meta={'publish': {'key': ['year', 'period'], 'index': []}, 'when': ['raw.period']},
) }}

-- The days of each period of the financial years, which need not begin with the calendar's.
select
    year,
    period,
    min(day) as start_date,
    max(day) as end_date
from {{ ref('accounting_day') }}
group by year, period
