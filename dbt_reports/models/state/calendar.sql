-- Today against the day of the last finished build, in either direction.
{% set seen = previous('reports_state', 'seen') %}
with day as (
    select
        today.as_of,
        {% if seen %}(select max(as_of) from {{ seen }}){% else %}cast(null as date){% endif %} as last_as_of
    from {{ source('reports_state', 'this_build') }} as today
)

select
    as_of,
    last_as_of,
    as_of is distinct from last_as_of as is_new_day,
    extract(year from as_of) is distinct from extract(year from last_as_of) as is_new_year,
    least(as_of, last_as_of) as day_1,
    greatest(as_of, last_as_of) as day_2,
    cast(least(as_of, last_as_of) - interval 12 months as date) as behaviour_from_1,
    cast(greatest(as_of, last_as_of) - interval 12 months as date) as behaviour_from_2
from day
