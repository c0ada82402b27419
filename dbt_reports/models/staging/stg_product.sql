-- A register of names: deleted rows stay.
select
    "ID" as product_id,
    "PartName" as number,
    "Name" as name
from {{ source('raw', 'product') }}
