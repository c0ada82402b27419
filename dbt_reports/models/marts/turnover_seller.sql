{{ config(meta={
    'publish': {'key': ['role', 'party_id', 'seller_id', 'year'], 'index': []},
    'scope': {
        'touched': 'year', 'columns': ['role', 'party_id', 'year'], 'nullable': ['year'], 'in_order_of': 'year',
        'rebuilt': 'party',
    },
}) }}

-- What a party was invoiced by each seller and year. An invoice is split by its sellers' percentages, by largest
-- remainder to the øre (the first share in a tie); without usable shares it is its default seller's whole.
with invoice as (
    select
        invoice.role,
        invoice.party_id,
        invoice.invoice_id,
        invoice.invoice_date,
        invoice.seller_id,
        invoice.net_amount,
        invoice.gross_amount
    from {{ invoices_of_years() }} as invoice
),

share as (
    select
        invoice_id,
        seller_id,
        min(seller_share_id) as first_share,
        cast(sum(percent) * 1000000 as hugeint) as weight
    from {{ ref('stg_seller_share') }}
    where percent > 0
    group by invoice_id, seller_id
),

shared as (
    select
        invoice.role,
        invoice.party_id,
        invoice.invoice_id,
        invoice.invoice_date,
        share.seller_id,
        share.first_share,
        share.weight,
        sum(share.weight) over (partition by invoice.invoice_id) as total_weight,
        sign(invoice.net_amount) as net_sign,
        cast(abs(invoice.net_amount) * 100 as hugeint) as net_cents,
        sign(invoice.gross_amount) as gross_sign,
        cast(abs(invoice.gross_amount) * 100 as hugeint) as gross_cents
    from invoice
    join share on invoice.role = 'customer' and share.invoice_id = invoice.invoice_id
),

ranked as (
    select
        *,
        net_cents * weight // total_weight as net_floor,
        gross_cents * weight // total_weight as gross_floor,
        net_cents - sum(net_cents * weight // total_weight) over (partition by invoice_id) as net_left,
        gross_cents - sum(gross_cents * weight // total_weight) over (partition by invoice_id) as gross_left,
        row_number() over (
            partition by invoice_id order by net_cents * weight % total_weight desc, first_share
        ) as net_place,
        row_number() over (
            partition by invoice_id order by gross_cents * weight % total_weight desc, first_share
        ) as gross_place
    from shared
),

part as (
    select
        role,
        party_id,
        invoice_id,
        invoice_date,
        seller_id,
        cast(net_sign * (net_floor + case when net_place <= net_left then 1 else 0 end) as decimal(19, 0))
        * cast(0.01 as decimal(3, 2)) as net_amount,
        cast(gross_sign * (gross_floor + case when gross_place <= gross_left then 1 else 0 end) as decimal(19, 0))
        * cast(0.01 as decimal(3, 2)) as gross_amount
    from ranked

    union all

    select
        invoice.role,
        invoice.party_id,
        invoice.invoice_id,
        invoice.invoice_date,
        invoice.seller_id,
        invoice.net_amount,
        invoice.gross_amount
    from invoice
    anti join share on invoice.role = 'customer' and share.invoice_id = invoice.invoice_id
)

select
    part.role,
    part.party_id,
    part.seller_id,
    seller.name as seller,
    cast(extract(year from part.invoice_date) as integer) as year,
    cast(sum(part.net_amount) as decimal(19, 2)) as net_amount,
    cast(sum(part.gross_amount) as decimal(19, 2)) as gross_amount,
    count(distinct part.invoice_id) as invoice_count
from part
left join {{ ref('stg_seller') }} as seller on seller.seller_id = part.seller_id
group by part.role, part.party_id, part.seller_id, seller.name, cast(extract(year from part.invoice_date) as integer)
{{ in_order_of('year') }}
