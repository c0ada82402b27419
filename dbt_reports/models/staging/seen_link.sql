{{ config(
    materialized='incremental',
    incremental_strategy='append',
    schema='reports_state',
    pre_hook="{{ forget_touched() }}",
    meta={'scope': {'touched': 'link', 'columns': ['table_name', 'id']}},
) }}

-- Which invoice each reminder and seller's share stood on when this build was made: one that moves to another invoice
-- leaves the old one touched.
select
    'seller_link' as table_name,
    link."ID" as id,
    link."CustomerInvoiceID" as invoice_id
from {{ source('raw', 'seller_link') }} as link
{{ only_touched('link', {'table_name': "'seller_link'", 'id': 'link."ID"'}) }}

union all

select
    'customer_invoice_reminder' as table_name,
    link."ID" as id,
    link."CustomerInvoiceID" as invoice_id
from {{ source('raw', 'customer_invoice_reminder') }} as link
{{ only_touched('link', {'table_name': "'customer_invoice_reminder'", 'id': 'link."ID"'}) }}
-- depends_on: {{ ref('changed_record') }}
