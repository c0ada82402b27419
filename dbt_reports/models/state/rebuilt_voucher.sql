{{ config(materialized='incremental', incremental_strategy='append', meta={'when': ['touched_voucher']}) }}

-- What each build since the last full refresh made anew, for the publisher.
select
    today.build,
    touched.voucher_id
from {{ ref('touched_voucher') }} as touched
cross join {{ source('reports_state', 'this_build') }} as today
