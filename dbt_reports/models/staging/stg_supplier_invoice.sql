-- Supplier invoices and credit notes that are neither drafts nor rejected. A credit note is negative.
with document as (
    select
        *,
        coalesce("InvoiceType", 0) = 1 as is_credit_note,
        case when coalesce("InvoiceType", 0) = 1 and "TaxInclusiveAmount" > 0 then -1 else 1 end as sign
    from {{ source('raw', 'supplier_invoice') }}
    where not coalesce("Deleted", false) and coalesce("StatusCode", 0) not in (30101, 30108, 90001)
)

select
    "ID" as invoice_id,
    nullif("SupplierID", 0) as supplier_id,
    nullif("InvoiceNumber", '') as number,
    is_credit_note,
    sign,
    nullif("InvoiceReferenceID", 0) as credited_invoice_id,
    "InvoiceDate" as invoice_date,
    "PaymentDueDate" as due_date,
    sign * {{ money('"TaxExclusiveAmount"') }} as net_amount,
    sign * {{ money('"VatTotalsAmount"') }} as vat_amount,
    sign * {{ money('"TaxInclusiveAmount"') }} as gross_amount,
    sign * {{ money('"TaxExclusiveAmountCurrency"') }} as net_amount_currency,
    sign * {{ money('"VatTotalsAmountCurrency"') }} as vat_amount_currency,
    sign * {{ money('"TaxInclusiveAmountCurrency"') }} as gross_amount_currency,
    sign * {{ money('"PayableRoundingAmount"') }} as rounding_amount,
    case when is_credit_note then -abs({{ money('"RestAmount"') }}) else {{ money('"RestAmount"') }} end
        as remaining_amount,
    case when is_credit_note then -abs({{ money('"RestAmountCurrency"') }}) else {{ money('"RestAmountCurrency"') }} end
        as remaining_amount_currency,
    nullif("CurrencyCodeID", 0) as currency_id,
    "StatusCode" as status_code,
    {{ status_name('supplier_invoice') }} as status,
    {{ status_name('supplier_payment', '"PaymentStatus"') }} as payment_status,
    "Requisition" as requisition,
    "OurReference" as our_reference,
    "YourReference" as your_reference,
    nullif("DefaultDimensionsID", 0) as dimensions_id,
    nullif("JournalEntryID", 0) as voucher_id,
    "PaymentID" as payment_reference
from document
