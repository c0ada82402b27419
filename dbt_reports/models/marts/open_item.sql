{{ config(meta={
    'publish': {'key': ['role', 'party_id', 'journal_entry_line_id'], 'index': [['role', 'invoice_id']]},
    'scope': {'touched': 'entry', 'columns': ['journal_entry_line_id'], 'rebuilt': 'party'},
}) }}

-- Payments, credit notes and other credits are `unallocated`: they are never netted into an aging bucket, nor overdue.
with entry as (
    select
        entry.*,
        today.as_of - entry.due_date as days_overdue,
        entry.remaining_amount < 0 or entry.kind in ('payment', 'credit_note') as is_unallocated
    from {{ ref('int_ledger_entry') }} as entry
    {{ only_touched('entry', {'journal_entry_line_id': 'entry.journal_entry_line_id'}) }}
    cross join {{ source('reports_state', 'this_build') }} as today
    where entry.remaining_amount <> 0 and not entry.is_credited
)

select
    role,
    party_id,
    journal_entry_line_id,
    voucher_id,
    voucher_number,
    document_number,
    invoice_id,
    kind,
    invoice_date,
    due_date,
    text,
    amount as original_amount,
    remaining_amount,
    currency,
    amount_currency as original_amount_currency,
    remaining_amount_currency,
    cast(days_overdue as integer) as days_overdue,
    coalesce(not is_unallocated and days_overdue > 0, false) as is_overdue,
    case
        when is_unallocated then 'unallocated'
        when days_overdue > 90 then 'over_90'
        when days_overdue > 60 then '61_90'
        when days_overdue > 30 then '31_60'
        when days_overdue > 0 then '1_30'
        else 'not_due'
    end as bucket,
    collection_state
from entry
