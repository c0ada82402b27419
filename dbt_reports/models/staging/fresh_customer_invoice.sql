{{ config(materialized='table', schema='reports_state') }}

-- Invoices of touched customers.
with picked as (
    select source.*
    from {{ source('raw', 'customer_invoice') }} as source
    semi join {{ ref('touched_party') }} as touched
        on touched.role = 'customer' and touched.party_id = source."CustomerID"
)

select *
from (
{{ stage_customer_invoice('picked') }}
) as staged
