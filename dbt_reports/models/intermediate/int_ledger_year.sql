{{ config(meta={'scope': {
    'touched': 'ledger_year', 'columns': ['role', 'party_id', 'year'], 'nullable': ['year'], 'in_order_of': 'year',
}}) }}

-- What a party's sub-ledger adds up to in each year.
{% if is_incremental() %}
select
    role,
    party_id,
    year,
    balance,
    shown_balance,
    entry_count,
    last_payment_date
from {{ ref('touched_ledger_year') }}
where entry_count > 0
{% else %}
{{ ledger_of_years(ref('int_ledger_entry')) }}
{{ in_order_of('year') }}
{% endif %}
-- depends_on: {{ ref('int_ledger_entry') }}, {{ ref('touched_ledger_year') }}
