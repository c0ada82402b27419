{{ config(meta={'when': ['touched_year']}) }}

-- The invoices and credit notes of the touched years.
select
    invoice.role,
    invoice.party_id,
    invoice.invoice_id,
    invoice.kind,
    invoice.invoice_date,
    invoice.seller_id,
    invoice.net_amount,
    invoice.vat_amount,
    invoice.gross_amount
from (
    {{ of_touched_years('year', ref('invoice'), 'invoice_date') }}
) as invoice
