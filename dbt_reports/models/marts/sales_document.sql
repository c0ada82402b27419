{{ config(meta={
    'publish': {
        'key': ['role', 'party_id', 'document_type', 'document_id'],
        'index': [['document_type', 'document_id']],
    },
    'scope': {'touched': 'sales', 'columns': ['role', 'party_id']},
}) }}

with document as (
    select
        'order' as document_type,
        document.order_id as document_id,
        document.* exclude (order_id)
    from {{ ref('stg_order') }} as document
    {{ only_touched('sales', {'role': "'customer'", 'party_id': 'document.customer_id'}) }}
    where document.customer_id is not null

    union all by name

    select
        'quote' as document_type,
        document.quote_id as document_id,
        document.* exclude (quote_id)
    from {{ ref('stg_quote') }} as document
    {{ only_touched('sales', {'role': "'customer'", 'party_id': 'document.customer_id'}) }}
    where document.customer_id is not null
),

line_total as (
    select
        line.document_type,
        line.document_id,
        sum(line.remaining_net_amount) as remaining_net_amount,
        count(*) as line_count
    from {{ ref('sales_line') }} as line
    {{ only_touched('sales', {'role': 'line.role', 'party_id': 'line.party_id'}) }}
    group by line.document_type, line.document_id
),

followed as (
    select
        document.*,
        coalesce(line_total.line_count, 0) as line_count,
        case
            when document.document_type = 'order'
                then cast(coalesce(line_total.remaining_net_amount, 0) as decimal(19, 2))
        end as remaining_net_amount
    from document
    left join line_total using (document_type, document_id)
)

select
    'customer' as role,
    document.document_type,
    document.document_id,
    document.number,
    document.customer_id as party_id,
    document.order_date,
    document.delivery_date,
    document.status,
    document.status_code,
    document.requisition,
    document.our_reference,
    document.your_reference,
    document.seller_id,
    seller.name as seller,
    document.net_amount,
    document.gross_amount,
    document.remaining_net_amount,
    case
        when document.document_type = 'order'
            then cast(
                {{ exact_ratio('document.net_amount - document.remaining_net_amount', 'document.net_amount', 6) }}
                as decimal(19, 6)
            )
    end as delivered_share,
    coalesce(currency.code, own_currency.code) as currency,
    document.net_amount_currency,
    document.gross_amount_currency,
    document.line_count,
    dimension.project_id
from followed as document
left join {{ ref('stg_seller') }} as seller on seller.seller_id = document.seller_id
left join {{ ref('stg_dimension') }} as dimension on dimension.dimensions_id = document.dimensions_id
left join {{ ref('int_currency') }} as currency on currency.currency_id = document.currency_id
left join {{ ref('int_currency') }} as own_currency on own_currency.currency_id = 0
