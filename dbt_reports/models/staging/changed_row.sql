{{ config(materialized='table', schema='reports_state') }}

-- The keys of raw rows that came since the last finished build, soft-deleted ones included. Nothing in a full refresh,
-- where everything is made anew anyway.
with changed_stamp as (
    select
        stamp.table_name,
        stamp.fetched_at
    from {{ ref('feed_stamp') }} as stamp
    join {{ ref('feed_state') }} as feed on feed.table_name = stamp.table_name
    where
        stamp.fetched_at > coalesce(feed.since, timestamp '1900-01-01')
        or feed.again and stamp.fetched_at = feed.since
)

select
    cast(null as varchar) as table_name,
    cast(null as bigint) as id
where false
{% for table in watched_tables() %}
{{ when('raw.' ~ table) }}
union all
select
    '{{ table }}' as table_name,
    source."ID" as id
from {{ source('raw', table) }} as source
{%- if flags.FULL_REFRESH %}
where false
{%- else %}
semi join changed_stamp
    on changed_stamp.table_name = '{{ table }}' and changed_stamp.fetched_at = source._fetched_at
{%- endif %}
{{ end() }}
{% endfor %}
