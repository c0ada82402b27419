select
    "ID" as supplier_id,
    cast("SupplierNumber" as varchar) as number,
    nullif("BusinessRelationID", 0) as business_relation_id,
    nullif(trim("OrgNumber"), '') as org_number,
    "CreditDays" as credit_days,
    nullif("CurrencyCodeID", 0) as currency_id,
    "StatusCode" as status_code,
    {{ status_name('party') }} as status
from {{ source('raw', 'supplier') }}
where not coalesce("Deleted", false)
