{{ config(materialized='table', schema='reports_state') }}

-- How far each raw table had come at the last finished build (`since`) and how far it is now. `again` is true when rows
-- with the very last stamp were added later: then all rows of that stamp count as changed.
{% set seen = previous('reports_state', 'seen') %}
with watched as (
    {% for table in watched_tables() %}
    select '{{ table }}' as table_name
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

newest as (
    select
        watched.table_name,
        max(stamp.fetched_at) as fetched_at,
        coalesce(arg_max(stamp.row_count, stamp.fetched_at), 0) as newest_rows
    from watched
    left join {{ ref('feed_stamp') }} as stamp on stamp.table_name = watched.table_name
    group by watched.table_name
)

select
    newest.table_name,
    {% if seen %}
    seen.fetched_at as since,
    coalesce(stamp.row_count, 0) is distinct from seen.newest_rows as again,
    {% else %}
    cast(null as timestamp) as since,
    false as again,
    {% endif %}
    newest.fetched_at,
    newest.newest_rows
from newest
{% if seen %}
left join {{ seen }} as seen on seen.table_name = newest.table_name
left join {{ ref('feed_stamp') }} as stamp on stamp.table_name = seen.table_name and stamp.fetched_at = seen.fetched_at
{% endif %}
