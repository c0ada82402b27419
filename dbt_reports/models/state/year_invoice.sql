-- The invoices and credit notes of the touched years.
with touched_day as (
    select cast(unnest(generate_series(make_date(year, 1, 1), make_date(year, 12, 31), interval 1 day)) as date) as day
    from (select distinct year from {{ ref('touched_year') }} where year is not null) as touched
)

select
    invoice.role,
    invoice.party_id,
    invoice.invoice_id,
    invoice.kind,
    invoice.invoice_date,
    invoice.seller_id,
    invoice.net_amount,
    invoice.vat_amount,
    invoice.gross_amount
from {{ ref('invoice') }} as invoice
semi join touched_day on touched_day.day = invoice.invoice_date
semi join {{ ref('touched_year') }} as touched
    on touched.role = invoice.role
    and touched.party_id = invoice.party_id
    and touched.year = extract(year from invoice.invoice_date)

union all

select
    invoice.role,
    invoice.party_id,
    invoice.invoice_id,
    invoice.kind,
    invoice.invoice_date,
    invoice.seller_id,
    invoice.net_amount,
    invoice.vat_amount,
    invoice.gross_amount
from {{ ref('invoice') }} as invoice
semi join {{ ref('touched_year') }} as touched
    on touched.role = invoice.role and touched.party_id = invoice.party_id and touched.year is null
where invoice.invoice_date is null
