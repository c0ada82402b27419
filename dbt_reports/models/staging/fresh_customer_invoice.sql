{{ config(materialized='table', schema='reports_state', meta={'when': ['touched_document']}) }}

-- Touched invoices of customers.
with picked as (
    select source.*
    from {{ source('raw', 'customer_invoice') }} as source
    semi join {{ ref('touched_document') }} as touched
        on touched.role = 'customer' and touched.invoice_id = source."ID"
)

select *
from (
{{ stage_customer_invoice('picked') }}
) as staged
