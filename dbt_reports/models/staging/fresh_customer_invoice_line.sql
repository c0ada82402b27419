{{ config(materialized='table', schema='reports_state', meta={'when': ['fresh_customer_invoice']}) }}

-- Lines of touched invoices of customers.
with picked as (
    select source.*
    from {{ source('raw', 'customer_invoice_item') }} as source
    semi join {{ ref('fresh_customer_invoice') }} as invoice on invoice.invoice_id = source."CustomerInvoiceID"
)

select *
from (
{{ stage_customer_invoice_line('picked') }}
) as staged
