-- Entries of active budgets, in the ledger's sign.
select
    entry."ID" as budget_entry_id,
    budget."AccountingYear" as year,
    entry."PeriodNumber" as period,
    nullif(entry."AccountID", 0) as account_id,
    nullif(entry."DimensionsID", 0) as dimensions_id,
    {{ money('entry."Amount"') }} as amount
from {{ source('raw', 'budget_entry') }} as entry
join {{ source('raw', 'budget') }} as budget on budget."ID" = entry."BudgetID"
where
    not coalesce(entry."Deleted", false)
    and not coalesce(budget."Deleted", false)
    and budget."StatusCode" = 47002
