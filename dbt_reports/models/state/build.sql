{{ config(materialized='incremental', incremental_strategy='append') }}

-- Finished builds since the last full refresh, which is the first of them. Written last: the last build that was begun
-- (`this_build`) stands here only when every model of it stands.
select
    build,
    company,
    as_of,
    project,
    {{ 'false' if is_incremental() else 'true' }} as is_full
from {{ source('reports_state', 'this_build') }}
-- depends_on: {{ ref('seen') }}
