{{ config(meta={
    'publish': {'key': ['role', 'party_id', 'matching_id', 'journal_entry_line_id'], 'index': [['journal_entry_line_id']]},
    'scope': {'touched': 'entry', 'columns': ['journal_entry_line_id'], 'rebuilt': 'party'},
}) }}

-- Each pairing stands once for each of its lines, with that line's sign: it is what the pairing takes off the line. What it
-- takes off in another currency is in the pairing's own, which need not be that of both its lines.
with line as (
    select
        entry.role,
        entry.party_id,
        entry.journal_entry_line_id,
        entry.amount,
        entry.currency
    from {{ ref('statement_line') }} as entry
    {{ only_touched('entry', {'journal_entry_line_id': 'entry.journal_entry_line_id'}) }}
),

side as (
    select
        matching_id,
        line_1_id as journal_entry_line_id,
        line_2_id as counter_line_id,
        date,
        amount,
        amount_currency,
        currency_id
    from {{ staged('matching') }}
    where line_1_id is not null

    union all

    select
        matching_id,
        line_2_id as journal_entry_line_id,
        line_1_id as counter_line_id,
        date,
        amount,
        amount_currency,
        currency_id
    from {{ staged('matching') }}
    where line_2_id is not null
)

select
    line.role,
    line.party_id,
    side.matching_id,
    side.journal_entry_line_id,
    side.counter_line_id,
    side.date,
    cast(sign(line.amount) * side.amount as decimal(19, 2)) as amount,
    coalesce(currency.code, line.currency) as currency,
    cast(sign(line.amount) * side.amount_currency as decimal(19, 2)) as amount_currency
from line
join side on side.journal_entry_line_id = line.journal_entry_line_id
left join {{ ref('int_currency') }} as currency on currency.currency_id = side.currency_id
