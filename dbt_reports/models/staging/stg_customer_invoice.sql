-- Invoices and credit notes that are more than drafts. A credit note is negative, whatever sign the ERP keeps it with.
with document as (
    select
        *,
        coalesce("InvoiceType", 0) = 1 as is_credit_note,
        case when coalesce("InvoiceType", 0) = 1 and "TaxInclusiveAmount" > 0 then -1 else 1 end as sign
    from {{ source('raw', 'customer_invoice') }}
    where not coalesce("Deleted", false) and coalesce("StatusCode", 0) <> 42001
)

select
    "ID" as invoice_id,
    nullif("CustomerID", 0) as customer_id,
    nullif("InvoiceNumber", '') as number,
    is_credit_note,
    sign,
    nullif("InvoiceReferenceID", 0) as credited_invoice_id,
    coalesce("StatusCode", 0) = 42006 as is_credited,
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
    {{ status_name('customer_invoice') }} as status,
    case
        when "CollectorStatusCode" = 42501 then 'reminded'
        when "CollectorStatusCode" = 42502 then 'collection'
        when "CollectorStatusCode" in (42503, 42504) then 'factoring'
        when "CollectorStatusCode" between 42500 and 42507 then 'third_party'
        when "StatusCode" = 42005 then 'factoring'
        else 'none'
    end as collector_state,
    "Requisition" as requisition,
    "OurReference" as our_reference,
    "YourReference" as your_reference,
    nullif("DefaultSellerID", 0) as seller_id,
    nullif("DefaultDimensionsID", 0) as dimensions_id,
    nullif("JournalEntryID", 0) as voucher_id,
    "PaymentID" as payment_reference
from document
