{{ config(meta={
    'publish': {
        'key': ['role', 'party_id', 'product_id', 'kind', 'year'],
        'index': [['role', 'party_id', 'product_id', 'year']],
    },
    'scope': {'touched': 'party', 'columns': ['role', 'party_id']},
}) }}

-- What a party was invoiced of each product and year. Rows without product: text lines, rounding, and `unspecified`, the
-- part of invoices that stands on no line at all, so that the sum is always the invoiced total.
with line as (
    select line.*
    from {{ ref('invoice_line') }} as line
    {{ only_touched('party', {'role': 'line.role', 'party_id': 'line.party_id'}) }}
),

line_total as (
    select
        role,
        invoice_id,
        sum(net_amount) as net_amount,
        sum(vat_amount) as vat_amount,
        sum(gross_amount) as gross_amount
    from line
    group by role, invoice_id
),

part as (
    select
        role,
        party_id,
        product_id,
        product_number,
        case when product_id is not null then product_name end as product_name,
        kind,
        invoice_date,
        invoice_id,
        quantity,
        net_amount,
        vat_amount,
        gross_amount
    from line

    union all

    select
        invoice.role,
        invoice.party_id,
        null as product_id,
        null as product_number,
        null as product_name,
        'unspecified' as kind,
        invoice.invoice_date,
        invoice.invoice_id,
        0 as quantity,
        invoice.net_amount - coalesce(line_total.net_amount, 0) as net_amount,
        invoice.vat_amount - coalesce(line_total.vat_amount, 0) as vat_amount,
        invoice.gross_amount - coalesce(line_total.gross_amount, 0) as gross_amount
    from {{ ref('invoice') }} as invoice
    {{ only_touched('party', {'role': 'invoice.role', 'party_id': 'invoice.party_id'}) }}
    left join line_total on line_total.role = invoice.role and line_total.invoice_id = invoice.invoice_id
    where
        invoice.net_amount <> coalesce(line_total.net_amount, 0)
        or invoice.vat_amount <> coalesce(line_total.vat_amount, 0)
        or invoice.gross_amount <> coalesce(line_total.gross_amount, 0)
)

select
    role,
    party_id,
    product_id,
    product_number,
    max(product_name) as product_name,
    kind,
    cast(extract(year from invoice_date) as integer) as year,
    cast(sum(quantity) as decimal(19, 6)) as quantity,
    cast(sum(net_amount) as decimal(19, 2)) as net_amount,
    cast(sum(vat_amount) as decimal(19, 2)) as vat_amount,
    cast(sum(gross_amount) as decimal(19, 2)) as gross_amount,
    count(distinct invoice_id) as invoice_count
from part
group by role, party_id, product_id, product_number, kind, cast(extract(year from invoice_date) as integer)
