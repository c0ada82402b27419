{{ config(meta={
    'publish': {'key': ['role', 'party_id', 'journal_entry_line_id'], 'index': [['journal_entry_line_id']]},
    'scope': {'touched': 'entry', 'columns': ['journal_entry_line_id'], 'rebuilt': 'party'},
}) }}

-- Credited lines stand outside the statement, as on the ERP's own: the line and the one that takes it back cancel out.
select
    entry.role,
    entry.party_id,
    entry.journal_entry_line_id,
    entry.voucher_id,
    entry.financial_date,
    entry.due_date,
    entry.voucher_number,
    entry.document_number,
    entry.invoice_id,
    entry.kind,
    entry.text,
    entry.amount,
    entry.remaining_amount,
    entry.currency,
    entry.amount_currency,
    entry.remaining_amount_currency
from {{ ref('int_ledger_entry') }} as entry
{{ only_touched('entry', {'journal_entry_line_id': 'entry.journal_entry_line_id'}) }}
where not entry.is_credited
