-- A register of names: deleted rows stay, since what was booked on them keeps its name.
select
    "ID" as business_relation_id,
    "Name" as name
from {{ source('raw', 'business_relation') }}
