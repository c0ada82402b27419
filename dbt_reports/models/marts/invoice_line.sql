{{ config(meta={
    'publish': {
        'key': ['role', 'party_id', 'invoice_id', 'line_id'],
        'index': [['role', 'party_id', 'product_id'], ['role', 'invoice_id']],
    },
    'scope': {'touched': 'document', 'columns': ['role', 'invoice_id'], 'rebuilt': 'party'},
}) }}

-- The lines as the ERP has them, each rounded to the øre, and one line of kind `rounding` (line_id 0, no product) for the
-- header's rounding and what the rounding of the lines leaves. A larger difference is not hidden in it.
with invoice as (
    select invoice.*
    from {{ ref('invoice') }} as invoice
    {{ only_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'}) }}
),

-- What of the document is only needed here.
kept_as as (
    select
        'customer' as role,
        invoice_id,
        sign,
        rounding_amount
    from {{ staged('customer_invoice') }}

    union all

    select
        'supplier' as role,
        invoice_id,
        sign,
        rounding_amount
    from {{ ref('stg_supplier_invoice') }}
),

document as (
    select
        invoice.*,
        kept_as.sign,
        kept_as.rounding_amount
    from invoice
    join kept_as on kept_as.role = invoice.role and kept_as.invoice_id = invoice.invoice_id
),

line as (
    select
        document.role,
        document.party_id,
        document.invoice_id,
        line.line_id,
        line.order_line_id,
        line.product_id,
        line.text,
        line.sort_index,
        line.unit,
        line.dimensions_id,
        cast(document.sign * line.quantity as decimal(19, 6)) as quantity,
        line.unit_price,
        line.discount_percent,
        document.sign * line.net_amount as net_amount,
        document.sign * line.vat_amount as vat_amount,
        document.sign * line.gross_amount as gross_amount,
        document.sign * line.net_amount_currency as net_amount_currency,
        document.sign * line.gross_amount_currency as gross_amount_currency
    from {{ staged('customer_invoice_line') }} as line
    join document on document.role = 'customer' and document.invoice_id = line.invoice_id

    union all

    select
        document.role,
        document.party_id,
        document.invoice_id,
        line.line_id,
        cast(null as bigint) as order_line_id,
        line.product_id,
        line.text,
        line.sort_index,
        line.unit,
        line.dimensions_id,
        cast(document.sign * line.quantity as decimal(19, 6)) as quantity,
        line.unit_price,
        line.discount_percent,
        document.sign * line.net_amount as net_amount,
        document.sign * line.vat_amount as vat_amount,
        document.sign * line.gross_amount as gross_amount,
        document.sign * line.net_amount_currency as net_amount_currency,
        document.sign * line.gross_amount_currency as gross_amount_currency
    from {{ ref('stg_supplier_invoice_line') }} as line
    join document on document.role = 'supplier' and document.invoice_id = line.invoice_id
),

line_total as (
    select
        role,
        invoice_id,
        count(*) as line_count,
        sum(net_amount) as net_amount,
        sum(vat_amount) as vat_amount,
        sum(gross_amount) as gross_amount,
        sum(net_amount_currency) as net_amount_currency,
        sum(gross_amount_currency) as gross_amount_currency
    from line
    group by role, invoice_id
),

difference as (
    select
        document.role,
        document.party_id,
        document.invoice_id,
        document.rounding_amount,
        document.net_amount - line_total.net_amount as net_amount,
        document.vat_amount - line_total.vat_amount as vat_amount,
        document.gross_amount - line_total.gross_amount as gross_amount,
        document.net_amount_currency - line_total.net_amount_currency as net_amount_currency,
        document.gross_amount_currency - line_total.gross_amount_currency as gross_amount_currency,
        abs(document.rounding_amount) + cast(0.01 as decimal(3, 2)) * (line_total.line_count + 1) as explained_amount
    from document
    join line_total using (role, invoice_id)
),

rounding as (
    select
        *,
        greatest(abs(net_amount), abs(vat_amount), abs(gross_amount)) <= explained_amount as is_explained
    from difference
),

every_line as (
    select
        role,
        party_id,
        invoice_id,
        line_id,
        case when product_id is null then 'text' else 'product' end as kind,
        order_line_id,
        product_id,
        text,
        sort_index,
        unit,
        dimensions_id,
        quantity,
        unit_price,
        discount_percent,
        net_amount,
        vat_amount,
        gross_amount,
        net_amount_currency,
        gross_amount_currency
    from line

    union all

    select
        role,
        party_id,
        invoice_id,
        0 as line_id,
        'rounding' as kind,
        null as order_line_id,
        null as product_id,
        null as text,
        null as sort_index,
        null as unit,
        null as dimensions_id,
        cast(0 as decimal(19, 6)) as quantity,
        cast(0 as decimal(19, 6)) as unit_price,
        cast(0 as decimal(19, 6)) as discount_percent,
        case when is_explained then net_amount else 0 end as net_amount,
        case when is_explained then vat_amount else 0 end as vat_amount,
        case when is_explained then gross_amount else rounding_amount end as gross_amount,
        case when is_explained then net_amount_currency else 0 end as net_amount_currency,
        case when is_explained then gross_amount_currency else 0 end as gross_amount_currency
    from rounding
    where
        is_explained and (net_amount <> 0 or vat_amount <> 0 or gross_amount <> 0)
        or not is_explained and rounding_amount <> 0
)

select
    line.role,
    line.party_id,
    line.invoice_id,
    line.line_id,
    line.kind,
    invoice.kind as invoice_kind,
    invoice.number as invoice_number,
    invoice.invoice_date,
    line.sort_index,
    line.order_line_id,
    line.product_id,
    product.number as product_number,
    case when line.kind <> 'rounding' then coalesce(product.name, line.text) end as product_name,
    line.text,
    line.quantity,
    line.unit,
    line.unit_price,
    line.discount_percent,
    cast(line.net_amount as decimal(19, 2)) as net_amount,
    cast(line.vat_amount as decimal(19, 2)) as vat_amount,
    cast(line.gross_amount as decimal(19, 2)) as gross_amount,
    invoice.currency,
    cast(line.net_amount_currency as decimal(19, 2)) as net_amount_currency,
    cast(line.gross_amount_currency as decimal(19, 2)) as gross_amount_currency,
    invoice.seller_id,
    invoice.seller,
    coalesce(dimension.project_id, invoice.project_id) as project_id
from every_line as line
join invoice on invoice.role = line.role and invoice.invoice_id = line.invoice_id
left join {{ ref('stg_product') }} as product on product.product_id = line.product_id
left join {{ ref('stg_dimension') }} as dimension on dimension.dimensions_id = line.dimensions_id
-- depends_on: {{ ref('held_project_invoice') }}, {{ ref('held_turnover_product') }}
