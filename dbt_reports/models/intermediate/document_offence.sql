{{ config(meta={'scope': {'touched': 'document', 'columns': ['role', 'invoice_id']}}) }}

-- Where an invoice is not the sum of its lines. One without lines has nothing to compare with, and a supplier's lines are no
-- part of the ERP's postings.
with line_total as (
    select
        line.role,
        line.invoice_id,
        sum(line.gross_amount) as gross_amount,
        sum(line.net_amount) as net_amount
    from {{ ref('invoice_line') }} as line
    {{ only_touched('document', {'role': 'line.role', 'invoice_id': 'line.invoice_id'}) }}
    group by line.role, line.invoice_id
),

compared as (
    {% for amount in ['net_amount', 'gross_amount'] %}
    select
        invoice.role,
        invoice.party_id,
        invoice.invoice_id,
        '{{ amount }}' as figure,
        invoice.{{ amount }} as expected,
        line_total.{{ amount }} as actual
    from {{ ref('invoice') }} as invoice
    {{ only_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'}) }}
    join line_total on line_total.role = invoice.role and line_total.invoice_id = invoice.invoice_id
    where invoice.role = 'customer'
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    'invoice_equals_lines' as check_name,
    role,
    party_id,
    invoice_id,
    'invoice_id=' || invoice_id || ' ' || figure as key,
    cast(expected as decimal(19, 2)) as expected,
    cast(actual as decimal(19, 2)) as actual
from compared
where expected <> actual
