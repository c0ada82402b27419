{# The staging of the tables that grow without end, as a function of the raw rows: the views take all of them, incremental
   builds only those that the touched parties and vouchers need (models/staging/fresh_*), so that nothing is computed of
   millions of rows that are not asked for. #}

{% macro stage_journal_line(rows) -%}
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
from {{ rows }}
where not coalesce("Deleted", false)
{%- endmacro %}

{% macro stage_matching(rows) -%}
select
    "ID" as matching_id,
    nullif("JournalEntryLine1ID", 0) as line_1_id,
    nullif("JournalEntryLine2ID", 0) as line_2_id,
    "Date" as date,
    abs({{ money('"Amount"') }}) as amount,
    abs({{ money('"AmountCurrency"') }}) as amount_currency,
    nullif("CurrencyCodeID", 0) as currency_id
from {{ rows }}
where not coalesce("Deleted", false)
{%- endmacro %}

{% macro stage_customer_invoice(rows) -%}
with document as (
    select
        *,
        coalesce("InvoiceType", 0) = 1 as is_credit_note,
        case when coalesce("InvoiceType", 0) = 1 and "TaxInclusiveAmount" > 0 then -1 else 1 end as sign
    from {{ rows }}
    where not coalesce("Deleted", false) and coalesce("StatusCode", 0) not in (42001, 90001)
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
{%- endmacro %}

{% macro stage_customer_invoice_line(rows) -%}
select
    "ID" as line_id,
    "CustomerInvoiceID" as invoice_id,
    nullif("OrderItemId", 0) as order_line_id,
    nullif("ProductID", 0) as product_id,
    "ItemText" as text,
    "SortIndex" as sort_index,
    "Unit" as unit,
    nullif("DimensionsID", 0) as dimensions_id,
    {{ quantity('"NumberOfItems"') }} as quantity,
    {{ quantity('"PriceExVat"') }} as unit_price,
    {{ quantity('"DiscountPercent"') }} as discount_percent,
    {{ money('"SumTotalExVat"') }} as net_amount,
    {{ money('"SumVat"') }} as vat_amount,
    {{ money('"SumTotalIncVat"') }} as gross_amount,
    {{ money('"SumTotalExVatCurrency"') }} as net_amount_currency,
    {{ money('"SumTotalIncVatCurrency"') }} as gross_amount_currency
from {{ rows }}
where not coalesce("Deleted", false)
{%- endmacro %}

{# The staged rows that a model needs: all, or in an incremental build the fresh ones. #}
{% macro staged(name) -%}
    {%- if not execute %}{% do ref('stg_' ~ name) %}{% do ref('fresh_' ~ name) %}{% endif -%}
    {{ return(ref('fresh_' ~ name) if is_incremental() else ref('stg_' ~ name)) }}
{%- endmacro %}
