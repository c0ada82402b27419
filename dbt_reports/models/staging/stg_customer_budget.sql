-- The budget register: what an administrator imported, excluding VAT, income positive.
select
    customer_number,
    year,
    period,
    amount
from {{ source('budget_register', 'customer_budget') }}
