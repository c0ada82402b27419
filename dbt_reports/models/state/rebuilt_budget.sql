{{ config(materialized='incremental', incremental_strategy='append', meta={'when': ['touched_budget']}) }}

-- What each build since the last full refresh made anew, for the publisher.
select distinct
    today.build,
    touched.scope,
    touched.scope_id
from {{ ref('touched_budget') }} as touched
cross join {{ source('reports_state', 'this_build') }} as today
