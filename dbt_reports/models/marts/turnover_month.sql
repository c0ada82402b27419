{{ config(meta={
    'publish': {'key': ['role', 'party_id', 'year', 'month'], 'index': []},
    'scope': {
        'touched': 'year', 'columns': ['role', 'party_id', 'year'], 'nullable': ['year'], 'in_order_of': 'year',
        'rebuilt': 'party',
    },
}) }}

select
    invoice.role,
    invoice.party_id,
    cast(extract(year from invoice.invoice_date) as integer) as year,
    cast(extract(month from invoice.invoice_date) as integer) as month,
    cast(sum(invoice.net_amount) as decimal(19, 2)) as net_amount,
    cast(sum(invoice.vat_amount) as decimal(19, 2)) as vat_amount,
    cast(sum(invoice.gross_amount) as decimal(19, 2)) as gross_amount,
    count(*) filter (where invoice.kind = 'invoice') as invoice_count,
    count(*) filter (where invoice.kind = 'credit_note') as credit_note_count
from {{ invoices_of_years() }} as invoice
group by all
{{ in_order_of('year') }}
