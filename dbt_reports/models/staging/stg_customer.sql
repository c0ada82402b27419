select
    "ID" as customer_id,
    cast("CustomerNumber" as varchar) as number,
    nullif("BusinessRelationID", 0) as business_relation_id,
    nullif(trim("OrgNumber"), '') as org_number,
    "CreditDays" as credit_days,
    nullif("PaymentTermsID", 0) as payment_terms_id,
    nullif("CurrencyCodeID", 0) as currency_id,
    nullif("DefaultSellerID", 0) as seller_id,
    "StatusCode" as status_code,
    {{ status_name('party') }} as status
from {{ source('raw', 'customer') }}
where not coalesce("Deleted", false)
