{{ config(meta={'scope': {'touched': 'entry', 'columns': ['journal_entry_line_id']}}) }}

-- Every posted line of a party's sub-ledger in the reports' sign, credited lines included, with what kind of entry it is.
with entry as (
    select
        account.role,
        account.party_id,
        line.journal_entry_line_id,
        line.sub_account_id,
        line.voucher_id,
        line.voucher_number,
        line.financial_date,
        line.due_date,
        line.document_number,
        line.text,
        line.type_kind,
        line.payment_id,
        line.currency_id,
        line.is_credited,
        case account.role when 'customer' then line.customer_invoice_id else line.supplier_invoice_id end as invoice_id,
        cast(account.sign * line.amount as decimal(19, 2)) as amount,
        cast(account.sign * line.amount_currency as decimal(19, 2)) as amount_currency,
        cast(account.sign * line.remaining_amount as decimal(19, 2)) as remaining_amount,
        cast(account.sign * line.remaining_amount_currency as decimal(19, 2)) as remaining_amount_currency
    from {{ staged('journal_line') }} as line
    join {{ ref('int_party_account') }} as account on account.sub_account_id = line.sub_account_id
    {{ only_touched('entry', {'journal_entry_line_id': 'line.journal_entry_line_id'}) }}
)

select
    entry.role,
    entry.party_id,
    entry.journal_entry_line_id,
    entry.sub_account_id,
    entry.voucher_id,
    entry.voucher_number,
    entry.financial_date,
    entry.due_date,
    coalesce(entry.document_number, invoice.number) as document_number,
    entry.invoice_id,
    coalesce(invoice.invoice_date, entry.financial_date) as invoice_date,
    coalesce(invoice.collection_state, 'none') as collection_state,
    case
        when entry.type_kind = 'payment' then 'payment'
        when entry.type_kind = 'credit_note' then 'credit_note'
        when entry.type_kind = 'reminder' then 'other'
        when entry.type_kind = 'invoice' then
            case
                when invoice.kind is not null then invoice.kind
                when entry.amount < 0 then 'credit_note'
                else 'invoice'
            end
        when invoice.kind = 'credit_note' then case when entry.amount <= 0 then 'credit_note' else 'payment' end
        when invoice.kind = 'invoice' then case when entry.amount >= 0 then 'invoice' else 'payment' end
        when entry.payment_id is not null then 'payment'
        else 'other'
    end as kind,
    entry.text,
    entry.amount,
    entry.remaining_amount,
    coalesce(currency.code, own_currency.code) as currency,
    entry.amount_currency,
    entry.remaining_amount_currency,
    entry.is_credited
from entry
left join {{ ref('invoice') }} as invoice
    on invoice.role = entry.role and invoice.party_id = entry.party_id and invoice.invoice_id = entry.invoice_id
left join {{ ref('int_currency') }} as currency on currency.currency_id = entry.currency_id
left join {{ ref('int_currency') }} as own_currency on own_currency.currency_id = 0
-- depends_on: {{ ref('held_ledger_year') }}
