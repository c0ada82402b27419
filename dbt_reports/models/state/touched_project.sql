-- Projects whose figures must be made anew: their own record changed, or something that is or was on them.
with touched as (
    select id as project_id from {{ changed_record('project') }}
    union all
    select project_id from {{ ref('held_project') }}
    union all
    select project_id from {{ ref('touched_posting') }}
    union all
    select project_id from {{ ref('touched_project_invoice') }}
    union all
    select line.project_id
    from {{ ref('sales_line') }} as line
    {{ of_touched('sales', {'role': 'line.role', 'party_id': 'line.party_id'}) }}
    {{ when(shown_by_budgets()) }}
    union all
    select project.project_id
    from {{ ref('stg_project') }} as project
    cross join {{ one_if_changed(shown_by_budgets()) }} as everything
    {{ end() }}
)

select distinct project_id
from touched
where project_id is not null
