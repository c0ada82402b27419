select
    "ID" as account_group_id,
    nullif(trim("GroupNumber"), '') as group_number,
    nullif("MainGroupID", 0) as main_group_id
from {{ source('raw', 'account_group') }}
