-- Figures per account, project, department or customer and period that must be made anew.
with touched as (
    select scope, scope_id, year, period from {{ ref('held_budget') }}
    {% for scope in ['account', 'project', 'department'] %}
    union all
    select '{{ scope }}' as scope, {{ scope }}_id as scope_id, year, period from {{ ref('touched_posting') }}
    {{ when(shown_by_budgets()) }}
    union all
    select '{{ scope }}' as scope, {{ 'entry' if scope == 'account' else 'dimension' }}.{{ scope }}_id as scope_id, entry.year, entry.period
    from {{ ref('stg_budget_entry') }} as entry
    left join {{ ref('stg_dimension') }} as dimension on dimension.dimensions_id = entry.dimensions_id
    cross join {{ one_if_changed(shown_by_budgets()) }} as changed_budget
    {{ end() }}
    {% endfor %}
    union all
    select 'customer' as scope, invoiced.party_id as scope_id, invoiced.year, invoiced.period
    from {{ invoiced_in_periods(
        ref('invoice'), of_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'})
    ) }} as invoiced
    {{ when(shown_by_budgets()) }}
    union all
    select 'customer' as scope, invoiced.party_id as scope_id, invoiced.year, invoiced.period
    from {{ invoiced_in_periods(ref('invoice')) }} as invoiced
    cross join {{ one_if_changed(shown_by_budgets()) }} as changed_budget
    {{ end() }}
)

select distinct
    scope,
    scope_id,
    cast(year as integer) as year,
    cast(period as integer) as period
from touched
where scope_id is not null and year is not null
