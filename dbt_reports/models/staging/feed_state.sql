{{ config(materialized='table', schema='reports_state') }}

-- How far each raw table had come at the last finished build (`since`) and how far it is now. `again` is true when rows
-- with the very last stamp were added later: then all rows of that stamp count as changed.
{% set seen = previous('reports_state', 'seen') %}
{% for table in watched_tables() %}
select
    '{{ table }}' as table_name,
    {%- if seen %}
    (select fetched_at from {{ seen }} where table_name = '{{ table }}') as since,
    (
        select count(*)
        from {{ source('raw', table) }}
        where _fetched_at = (select fetched_at from {{ seen }} where table_name = '{{ table }}')
    ) is distinct from (select newest_rows from {{ seen }} where table_name = '{{ table }}') as again,
    {%- else %}
    cast(null as timestamp) as since,
    false as again,
    {%- endif %}
    (select max(_fetched_at) from {{ source('raw', table) }}) as fetched_at,
    (
        select count(*)
        from {{ source('raw', table) }}
        where _fetched_at = (select max(_fetched_at) from {{ source('raw', table) }})
    ) as newest_rows
{{ 'union all' if not loop.last }}
{% endfor %}
