{{ config(meta={'is_kept': true}) }}

-- How far each raw table had come when this build was made, and for which day. Made after everything else: a build that
-- did not finish leaves the old one, so that nothing is taken for seen that is not in the reports.
{% for model in finished_models() %}
-- depends_on: {{ ref(model) }}
{%- endfor %}
select
    feed.table_name,
    feed.fetched_at,
    feed.newest_rows,
    today.as_of
from {{ ref('feed_state') }} as feed
cross join {{ source('reports_state', 'this_build') }} as today
