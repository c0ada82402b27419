-- Figures per account, project, department or customer and period that must be made anew.
with changed_budget as (
    select distinct 1 as one
    from {{ ref('changed_record') }}
    where record in ('everything', 'chart', 'budget', 'budget_entry', 'ledger_account')
),

touched as (
    select scope, scope_id, year, period from {{ ref('held_budget') }}
    {% for scope in ['account', 'project', 'department'] %}
    union all
    select '{{ scope }}' as scope, line.{{ scope }}_id as scope_id, line.year, line.period
    from {{ ref('voucher_line') }} as line
    semi join {{ ref('touched_voucher') }} as touched on touched.voucher_id = line.voucher_id
    union all
    select '{{ scope }}' as scope, {{ 'entry' if scope == 'account' else 'dimension' }}.{{ scope }}_id as scope_id, entry.year, entry.period
    from {{ ref('stg_budget_entry') }} as entry
    left join {{ ref('stg_dimension') }} as dimension on dimension.dimensions_id = entry.dimensions_id
    cross join changed_budget
    {% endfor %}
    union all
    select budget.scope, budget.scope_id, budget.year, budget.period
    from {{ ref('int_customer_budget') }} as budget
    semi join {{ ref('touched_party') }} as touched on touched.role = 'customer' and touched.party_id = budget.scope_id
    union all
    select budget.scope, budget.scope_id, budget.year, budget.period
    from {{ ref('int_customer_budget') }} as budget
    cross join changed_budget
)

select distinct
    scope,
    scope_id,
    cast(year as integer) as year,
    cast(period as integer) as period
from touched
where scope_id is not null and year is not null
