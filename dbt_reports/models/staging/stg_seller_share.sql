-- How an invoice is split between sellers; percent as the ERP has it.
select
    "ID" as seller_share_id,
    nullif("SellerID", 0) as seller_id,
    nullif("CustomerInvoiceID", 0) as invoice_id,
    "Percent" as percent
from {{ source('raw', 'seller_link') }}
where not coalesce("Deleted", false) and nullif("CustomerInvoiceID", 0) is not null
