{{ config(meta={
    'publish': {'key': ['role', 'party_id', 'product_id', 'kind', 'year'], 'index': []},
    'scope': {
        'touched': 'turnover_product',
        'columns': ['role', 'party_id', 'product_id', 'product_number', 'kind', 'year'],
        'nullable': ['product_id', 'product_number', 'year'],
        'in_order_of': 'year',
        'rebuilt': 'party',
    },
}) }}

-- What a party was invoiced of each product and year.
{% if is_incremental() %}
select
    role,
    party_id,
    product_id,
    product_number,
    product_name,
    kind,
    year,
    quantity,
    net_amount,
    vat_amount,
    gross_amount,
    invoice_count
from {{ ref('touched_turnover_product') }}
where invoice_count > 0
{% else %}
{{ invoiced_of_products(ref('invoice'), ref('invoice_line')) }}
{{ in_order_of('year') }}
{% endif %}
-- depends_on: {{ ref('invoice') }}, {{ ref('invoice_line') }}, {{ ref('touched_turnover_product') }}
