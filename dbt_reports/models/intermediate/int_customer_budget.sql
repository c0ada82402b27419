{{ config(meta={'scope': {'touched': 'budget', 'columns': ['scope', 'scope_id', 'year', 'period']}}) }}

-- What the register budgets for each customer and period. The register carries no stamps: what it says is held against what
-- stands here.
select
    budget.scope,
    budget.scope_id,
    budget.year,
    budget.period,
    budget.amount
from {{ registered_budget() }} as budget
{{ only_touched('budget', {
    'scope': 'budget.scope', 'scope_id': 'budget.scope_id', 'year': 'budget.year', 'period': 'budget.period',
}) }}
