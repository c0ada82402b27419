{{ config(materialized='table', schema='reports_state') }}

-- The keys of raw rows that came since the last finished build, soft-deleted ones included. Nothing in a full refresh,
-- where everything is made anew anyway.
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
where
    source._fetched_at > coalesce(
        (select since from {{ ref('feed_state') }} where table_name = '{{ table }}'), timestamp '1900-01-01'
    )
    or (
        (select again from {{ ref('feed_state') }} where table_name = '{{ table }}')
        and source._fetched_at = (select since from {{ ref('feed_state') }} where table_name = '{{ table }}')
    )
{%- endif %}
{{ end() }}
{% endfor %}
-- depends_on: {{ ref('feed_state') }}
