{{ config(materialized='incremental', incremental_strategy='append', meta={'when': ['touched_party']}) }}

-- What each build since the last full refresh made anew, for the publisher.
select
    today.build,
    touched.role,
    touched.party_id
from {{ ref('touched_party') }} as touched
cross join {{ source('reports_state', 'this_build') }} as today
