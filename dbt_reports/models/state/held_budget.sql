-- Figures that the touched customers and budgets had a part in at the last build.
{% set budget_actual = previous('reports', 'budget_actual') %}
with touched_customer as (
    select party_id from {{ ref('touched_party') }} where role = 'customer'
),

-- The budget register carries no stamps; what it says is held against what the reports show.
register as (
    select
        customer.customer_id as scope_id,
        budget.year,
        budget.period,
        sum(budget.amount) as amount
    from {{ ref('stg_customer_budget') }} as budget
    join {{ ref('stg_customer') }} as customer on customer.number = budget.customer_number
    group by customer.customer_id, budget.year, budget.period
),

held as (
    select
        cast(null as varchar) as scope,
        cast(null as bigint) as scope_id,
        cast(null as integer) as year,
        cast(null as integer) as period
    {% if budget_actual %}
    union all
    select was.scope, was.scope_id, was.year, was.period
    from {{ budget_actual }} as was
    semi join touched_customer on touched_customer.party_id = was.scope_id
    where was.scope = 'customer'
    {{ when(shown_by_budgets()) }}
    union all
    select was.scope, was.scope_id, was.year, was.period
    from {{ budget_actual }} as was
    cross join {{ one_if_changed(shown_by_budgets()) }} as changed_budget
    {{ end() }}
    union all
    select 'customer' as scope, scope_id, year, period
    from register
    full join (
        select was.scope_id, was.year, was.period, was.budget_amount
        from {{ budget_actual }} as was
        where was.scope = 'customer' and was.budget_amount <> 0
    ) as was using (scope_id, year, period)
    where coalesce(register.amount, 0) <> coalesce(was.budget_amount, 0)
    {% endif %}
)

select distinct
    scope,
    scope_id,
    year,
    period
from held
where scope_id is not null
-- depends_on: {{ ref('changed_record') }}
