-- Every posted line, in the ledger's sign (debit positive). What the line says about its kind stands in `type_kind`.
select
    "ID" as journal_entry_line_id,
    nullif("JournalEntryID", 0) as voucher_id,
    "JournalEntryNumber" as voucher_number,
    nullif("AccountID", 0) as account_id,
    nullif("SubAccountID", 0) as sub_account_id,
    nullif("DimensionsID", 0) as dimensions_id,
    nullif("PeriodID", 0) as period_id,
    "FinancialDate" as financial_date,
    case when "DueDate" is null or "DueDate" = date '2099-12-31' then "FinancialDate" else "DueDate" end as due_date,
    nullif("InvoiceNumber", '') as document_number,
    "Description" as text,
    nullif("CustomerInvoiceID", 0) as customer_invoice_id,
    nullif("SupplierInvoiceID", 0) as supplier_invoice_id,
    nullif("PaymentReferenceID", 0) as payment_id,
    nullif("CurrencyCodeID", 0) as currency_id,
    {{ money('"Amount"') }} as amount,
    {{ money('"AmountCurrency"') }} as amount_currency,
    {{ money('"RestAmount"') }} as remaining_amount,
    {{ money('"RestAmountCurrency"') }} as remaining_amount_currency,
    coalesce("StatusCode", 0) = 31004 as is_credited,
    case
        when "JournalEntryTypeID" in (1, 2, 7, 9, 12) then 'payment'
        when "JournalEntryTypeID" in (4, 11, 14) then 'credit_note'
        when "JournalEntryTypeID" in (3, 6, 8, 13, 15) then 'invoice'
        when "JournalEntryTypeID" in (5, 10) then 'reminder'
    end as type_kind
from {{ source('raw', 'journal_entry_line') }}
where not coalesce("Deleted", false)
