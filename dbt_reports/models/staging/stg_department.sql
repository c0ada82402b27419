-- A register of names: deleted rows stay.
select
    "ID" as department_id,
    "DepartmentNumber" as number,
    "Name" as name
from {{ source('raw', 'department') }}
