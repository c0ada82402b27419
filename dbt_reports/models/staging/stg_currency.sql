select
    "ID" as currency_id,
    "Code" as code
from {{ source('raw', 'currency_code') }}
