select
    "ID" as terms_id,
    "CreditDays" as credit_days
from {{ source('raw', 'terms') }}
