{{ config(meta={
    'publish': {
        'key': ['role', 'party_id', 'document_type', 'product_id'],
        'index': [],
    },
    'scope': {'touched': 'sales', 'columns': ['role', 'party_id']},
}) }}

-- What a party has on quotes and orders of each product. Lines without a product are not here.
select
    line.role,
    line.party_id,
    line.document_type,
    line.product_id,
    line.product_number,
    max(line.product_name) as product_name,
    count(distinct line.document_id) as document_count,
    min(line.order_date) as first_order_date,
    max(line.order_date) as last_order_date,
    cast(sum(line.quantity) as decimal(19, 6)) as quantity,
    cast(sum(line.delivered_quantity) as decimal(19, 6)) as delivered_quantity,
    cast(sum(line.remaining_quantity) as decimal(19, 6)) as remaining_quantity,
    cast(sum(line.net_amount) as decimal(19, 2)) as net_amount,
    cast(sum(line.remaining_net_amount) as decimal(19, 2)) as remaining_net_amount
from {{ ref('sales_line') }} as line
{{ only_touched('sales', {'role': 'line.role', 'party_id': 'line.party_id'}) }}
where line.product_id is not null
group by line.role, line.party_id, line.document_type, line.product_id, line.product_number
