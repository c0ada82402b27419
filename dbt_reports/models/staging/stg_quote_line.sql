select
    "ID" as line_id,
    "CustomerQuoteID" as quote_id,
    nullif("ProductID", 0) as product_id,
    "ItemText" as text,
    "SortIndex" as sort_index,
    "Unit" as unit,
    nullif("DimensionsID", 0) as dimensions_id,
    {{ quantity('"NumberOfItems"') }} as quantity,
    {{ quantity('"PriceExVat"') }} as unit_price,
    {{ quantity('"DiscountPercent"') }} as discount_percent,
    {{ money('"SumTotalExVat"') }} as net_amount,
    {{ money('"SumTotalIncVat"') }} as gross_amount,
    {{ money('"SumTotalExVatCurrency"') }} as net_amount_currency
from {{ source('raw', 'customer_quote_item') }}
where not coalesce("Deleted", false)
