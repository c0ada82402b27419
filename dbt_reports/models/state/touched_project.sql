-- Projects whose figures must be made anew: their own record changed, or something that is or was on them.
with everything as (
    select distinct 1 as one
    from {{ ref('changed_record') }}
    where record in ('everything', 'chart', 'budget', 'budget_entry', 'ledger_account')
),

touched as (
    select id as project_id from {{ changed_record('project') }}
    union all
    select project_id from {{ ref('held_project') }}
    union all
    select line.project_id
    from {{ ref('voucher_line') }} as line
    semi join {{ ref('touched_voucher') }} as touched on touched.voucher_id = line.voucher_id
    union all
    select line.project_id
    from {{ ref('sales_line') }} as line
    semi join {{ ref('touched_party') }} as touched on touched.role = line.role and touched.party_id = line.party_id
    {% for model in ['invoice_line', 'invoice'] %}
    union all
    select line.project_id
    from {{ ref(model) }} as line
    semi join {{ ref('touched_document') }} as touched on touched.role = line.role and touched.invoice_id = line.invoice_id
    {% endfor %}
    union all
    select project.project_id
    from {{ ref('stg_project') }} as project
    cross join everything
)

select distinct project_id
from touched
where project_id is not null
