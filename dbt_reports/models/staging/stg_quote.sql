select
    "ID" as quote_id,
    cast("QuoteNumber" as varchar) as number,
    nullif("CustomerID", 0) as customer_id,
    "QuoteDate" as order_date,
    "DeliveryDate" as delivery_date,
    "StatusCode" as status_code,
    {{ status_name('quote') }} as status,
    "Requisition" as requisition,
    "OurReference" as our_reference,
    "YourReference" as your_reference,
    nullif("DefaultSellerID", 0) as seller_id,
    nullif("DefaultDimensionsID", 0) as dimensions_id,
    nullif("CurrencyCodeID", 0) as currency_id,
    {{ money('"TaxExclusiveAmount"') }} as net_amount,
    {{ money('"TaxInclusiveAmount"') }} as gross_amount,
    {{ money('"TaxExclusiveAmountCurrency"') }} as net_amount_currency,
    {{ money('"TaxInclusiveAmountCurrency"') }} as gross_amount_currency
from {{ source('raw', 'customer_quote') }}
where not coalesce("Deleted", false)
