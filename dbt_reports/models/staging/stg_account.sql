-- Ledger accounts and sub-ledger accounts. Deleted rows stay, since what was booked on them keeps its account.
select
    "ID" as account_id,
    cast("AccountNumber" as varchar) as number,
    "AccountName" as name,
    nullif("CustomerID", 0) as customer_id,
    nullif("SupplierID", 0) as supplier_id,
    nullif("EmployeeID", 0) as employee_id,
    nullif("AccountGroupID", 0) as account_group_id,
    nullif("TopLevelAccountGroupID", 0) as top_account_group_id
from {{ source('raw', 'account') }}
