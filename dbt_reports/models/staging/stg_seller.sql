-- A register of names: deleted rows stay.
select
    "ID" as seller_id,
    "Name" as name
from {{ source('raw', 'seller') }}
