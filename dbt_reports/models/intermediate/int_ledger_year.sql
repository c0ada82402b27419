{{ config(meta={'scope': {
    'touched': 'ledger_year', 'columns': ['role', 'party_id', 'year'], 'nullable': ['year'], 'in_order_of': 'year',
}}) }}

-- What a party's sub-ledger adds up to in each year. A statement shows what is not credited.
select
    entry.role,
    entry.party_id,
    cast(extract(year from entry.financial_date) as integer) as year,
    cast(sum(entry.amount) as decimal(19, 2)) as balance,
    cast(coalesce(sum(entry.amount) filter (where not entry.is_credited), 0) as decimal(19, 2)) as shown_balance,
    max(entry.financial_date) filter (where entry.kind = 'payment' and entry.amount < 0 and not entry.is_credited)
        as last_payment_date
from {{ in_touched_years('ledger_year', ref('int_ledger_entry'), 'financial_date') }} as entry
group by entry.role, entry.party_id, cast(extract(year from entry.financial_date) as integer)
{{ in_order_of('year') }}
