{{ config(meta={'scope': {'touched': 'settlement', 'columns': ['journal_entry_line_id']}}) }}

-- An invoice is settled on the day of the last pairing, when nothing remains and some of it was paid, not only credited.
with entry as (
    select entry.*
    from {{ ref('int_ledger_entry') }} as entry
    {{ only_touched('settlement', {'journal_entry_line_id': 'entry.journal_entry_line_id'}) }}
    where entry.kind = 'invoice' and entry.remaining_amount = 0 and not entry.is_credited
),

pair as (
    select pair.*
    from {{ ref('matching') }} as pair
    {{ only_touched('settlement', {'journal_entry_line_id': 'pair.journal_entry_line_id'}) }}
),

payment as (
    select
        entry.role,
        entry.party_id,
        entry.journal_entry_line_id
    from {{ ref('int_ledger_entry') }} as entry
    {{ only_touched('counter', {'journal_entry_line_id': 'entry.journal_entry_line_id'}) }}
    where entry.kind = 'payment'
)

select
    entry.role,
    entry.party_id,
    entry.journal_entry_line_id,
    max(entry.invoice_date) as invoice_date,
    max(entry.due_date) as due_date,
    max(pair.date) as settled_date
from entry
join pair
    on pair.role = entry.role
    and pair.party_id = entry.party_id
    and pair.journal_entry_line_id = entry.journal_entry_line_id
left join payment
    on payment.role = entry.role
    and payment.party_id = entry.party_id
    and payment.journal_entry_line_id = pair.counter_line_id
group by entry.role, entry.party_id, entry.journal_entry_line_id
having count(payment.journal_entry_line_id) > 0
{{ in_order_of('settled_date') }}
