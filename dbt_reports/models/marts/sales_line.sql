{{ config(meta={
    'publish': {
        'key': ['role', 'party_id', 'document_type', 'document_id', 'line_id'],
        'index': [['role', 'party_id', 'product_id'], ['document_type', 'document_id']],
    },
    'scope': {'touched': 'sales', 'columns': ['role', 'party_id']},
}) }}

-- Delivered is what was invoiced of the line, on invoices that are more than drafts and not credited as a whole; a credit
-- note counts (with its own minus) only against such an invoice. What remains follows the line's and the order's status.
with order_line as (
    select
        document.customer_id as party_id,
        document.number as document_number,
        document.order_date,
        document.status as document_status,
        document.currency_id,
        document.dimensions_id as document_dimensions_id,
        line.*
    from {{ ref('stg_order_line') }} as line
    join {{ ref('stg_order') }} as document on document.order_id = line.order_id
    {{ only_touched('sales', {'role': "'customer'", 'party_id': 'document.customer_id'}) }}
    where document.customer_id is not null
),

-- First what is invoiced of the lines, so that no invoice is read where nothing is.
invoice_line as (
    select
        line.order_line_id,
        line.invoice_id,
        line.quantity
    from {{ ref('stg_customer_invoice_line') }} as line
    semi join order_line on order_line.line_id = line.order_line_id
),

named_invoice as (
    select
        invoice.invoice_id,
        invoice.sign,
        invoice.is_credit_note,
        invoice.is_credited,
        invoice.credited_invoice_id
    from {{ ref('stg_customer_invoice') }} as invoice
    semi join invoice_line on invoice_line.invoice_id = invoice.invoice_id
),

taken_back as (
    select invoice.invoice_id
    from {{ ref('stg_customer_invoice') }} as invoice
    semi join named_invoice on named_invoice.is_credit_note and named_invoice.credited_invoice_id = invoice.invoice_id
    where not invoice.is_credit_note and not invoice.is_credited
),

counted_invoice as (
    select
        invoice_id,
        sign
    from named_invoice
    where not is_credit_note and not is_credited

    union all

    select
        credit_note.invoice_id,
        credit_note.sign
    from named_invoice as credit_note
    semi join taken_back on taken_back.invoice_id = credit_note.credited_invoice_id
    where credit_note.is_credit_note
),

delivered as (
    select
        invoice_line.order_line_id,
        sum(counted_invoice.sign * invoice_line.quantity) as quantity
    from invoice_line
    join counted_invoice on counted_invoice.invoice_id = invoice_line.invoice_id
    group by invoice_line.order_line_id
),

followed as (
    select
        order_line.*,
        case
            when order_line.status = 'transferred_to_invoice' and coalesce(delivered.quantity, 0) = 0
                then order_line.quantity
            else coalesce(delivered.quantity, 0)
        end as delivered_quantity,
        case
            when
                order_line.status = 'registered'
                and order_line.document_status in ('registered', 'partly_transferred_to_invoice')
                then greatest(0, order_line.quantity - coalesce(delivered.quantity, 0))
            else 0
        end as remaining_quantity
    from order_line
    left join delivered on delivered.order_line_id = order_line.line_id
),

line as (
    select
        'order' as document_type,
        order_id as document_id,
        party_id,
        document_number,
        order_date,
        document_status,
        line_id,
        sort_index,
        product_id,
        text,
        unit,
        status,
        quantity,
        unit_price,
        discount_percent,
        cast(delivered_quantity as decimal(19, 6)) as delivered_quantity,
        cast(remaining_quantity as decimal(19, 6)) as remaining_quantity,
        cast(greatest(0, delivered_quantity - greatest(0, quantity)) as decimal(19, 6)) as over_delivered_quantity,
        net_amount,
        gross_amount,
        coalesce({{ exact_part('exact_net_amount', 'cast(remaining_quantity as decimal(19, 6))', 'quantity') }}, 0)
            as remaining_net_amount,
        currency_id,
        net_amount_currency,
        coalesce(dimensions_id, document_dimensions_id) as dimensions_id,
        document_dimensions_id
    from followed

    union all

    select
        'quote' as document_type,
        document.quote_id as document_id,
        document.customer_id as party_id,
        document.number as document_number,
        document.order_date,
        document.status as document_status,
        line.line_id,
        line.sort_index,
        line.product_id,
        line.text,
        line.unit,
        null as status,
        line.quantity,
        line.unit_price,
        line.discount_percent,
        null as delivered_quantity,
        null as remaining_quantity,
        null as over_delivered_quantity,
        line.net_amount,
        line.gross_amount,
        null as remaining_net_amount,
        document.currency_id,
        line.net_amount_currency,
        coalesce(line.dimensions_id, document.dimensions_id) as dimensions_id,
        document.dimensions_id as document_dimensions_id
    from {{ ref('stg_quote_line') }} as line
    join {{ ref('stg_quote') }} as document on document.quote_id = line.quote_id
    {{ only_touched('sales', {'role': "'customer'", 'party_id': 'document.customer_id'}) }}
    where document.customer_id is not null
)

select
    'customer' as role,
    line.document_type,
    line.document_id,
    line.line_id,
    line.party_id,
    line.document_number,
    line.order_date,
    line.document_status,
    line.sort_index,
    line.status,
    line.product_id,
    product.number as product_number,
    coalesce(product.name, line.text) as product_name,
    line.text,
    line.unit,
    line.quantity,
    line.unit_price,
    line.discount_percent,
    line.delivered_quantity,
    line.remaining_quantity,
    line.over_delivered_quantity,
    line.net_amount,
    line.gross_amount,
    line.remaining_net_amount,
    coalesce(currency.code, own_currency.code) as currency,
    line.net_amount_currency,
    coalesce(line_dimension.project_id, document_dimension.project_id) as project_id
from line
left join {{ ref('stg_product') }} as product on product.product_id = line.product_id
left join {{ ref('stg_dimension') }} as line_dimension on line_dimension.dimensions_id = line.dimensions_id
left join {{ ref('stg_dimension') }} as document_dimension
    on document_dimension.dimensions_id = line.document_dimensions_id
left join {{ ref('int_currency') }} as currency on currency.currency_id = line.currency_id
left join {{ ref('int_currency') }} as own_currency on own_currency.currency_id = 0
-- depends_on: {{ ref('held_project') }}
