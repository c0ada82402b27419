select
    "ID" as project_id,
    "ProjectNumber" as number,
    "Name" as name,
    "StatusCode" as status_code,
    {{ status_name('project') }} as status,
    nullif("ProjectCustomerID", 0) as customer_id,
    "StartDate" as start_date,
    coalesce("EndDate", "PlannedEnddate") as end_date,
    "PlannedStartdate" as planned_start_date,
    "PlannedEnddate" as planned_end_date
from {{ source('raw', 'project') }}
where not coalesce("Deleted", false)
