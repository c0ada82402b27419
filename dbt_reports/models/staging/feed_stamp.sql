{{ config(materialized='table', schema='reports_state') }}

-- The moments at which the rows of each raw table were fetched, and how many rows at each.
{% for table in watched_tables() %}
select
    '{{ table }}' as table_name,
    _fetched_at as fetched_at,
    count(*) as row_count
from {{ source('raw', table) }}
group by _fetched_at
{{ 'union all' if not loop.last }}
{% endfor %}
