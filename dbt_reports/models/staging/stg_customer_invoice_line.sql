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
from {{ source('raw', 'customer_invoice_item') }}
where not coalesce("Deleted", false)
