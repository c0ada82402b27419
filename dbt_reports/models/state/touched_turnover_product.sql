{{ config(meta={'when': ['touched_document']}) }}

-- What is invoiced now of each product and year on which the touched documents stand, or stood at the last build.
with came as (
    {{ invoiced_of_products(
        ref('invoice'), ref('invoice_line'),
        of_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'}),
        of_touched('document', {'role': 'line.role', 'invoice_id': 'line.invoice_id'}),
    ) }}
),

total as (
    {{ moved(
        previous('reports', 'turnover_product'), ref('held_turnover_product'), 'came',
        ['role', 'party_id', 'product_id', 'product_number', 'kind', 'year'],
        {
            'quantity': 'decimal(19, 6)', 'net_amount': 'decimal(19, 2)', 'vat_amount': 'decimal(19, 2)',
            'gross_amount': 'decimal(19, 2)', 'invoice_count': 'bigint',
        },
        'party_id', only_other=false, in_order_of='year', unordered='undated',
    ) }}
),

named as (
    select
        product_id,
        name
    from {{ ref('stg_product') }}
    where name is not null
),

-- A product without a name is called by its lines.
nameless as (
    select
        total.role,
        total.party_id,
        total.product_id
    from total
    anti join named on named.product_id = total.product_id
    where total.product_id is not null
),

called as (
    select
        line.role,
        line.party_id,
        line.product_id,
        line.product_number,
        line.kind,
        cast(extract(year from line.invoice_date) as integer) as year,
        max(line.product_name) as product_name
    from {{ ref('invoice_line') }} as line
    semi join nameless as near_1 on near_1.party_id = line.party_id
    semi join nameless as near_2 on near_2.product_id = line.product_id
    group by all
)

select
    total.*,
    coalesce(named.name, called.product_name) as product_name
from total
left join named on named.product_id = total.product_id
left join called
    on called.role = total.role
    and called.party_id = total.party_id
    and called.product_id = total.product_id
    and called.product_number is not distinct from total.product_number
    and called.kind = total.kind
    and called.year is not distinct from total.year
-- depends_on: {{ ref('touched_year') }}
