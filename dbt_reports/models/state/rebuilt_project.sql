{{ config(materialized='incremental', incremental_strategy='append', meta={'when': ['touched_project']}) }}

-- What each build since the last full refresh made anew, for the publisher.
select
    today.build,
    touched.project_id
from {{ ref('touched_project') }} as touched
cross join {{ source('reports_state', 'this_build') }} as today
