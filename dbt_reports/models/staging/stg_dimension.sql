-- One combination of dimensions, shared by many records.
select
    "ID" as dimensions_id,
    nullif("ProjectID", 0) as project_id,
    nullif("DepartmentID", 0) as department_id
from {{ source('raw', 'dimensions') }}
