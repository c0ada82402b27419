{{ config(meta={
    'publish': {'key': ['project_id'], 'index': [['party_id']]},
    'scope': {'touched': 'project', 'columns': ['project_id']},
}) }}

with project as (
    select project.*
    from {{ ref('stg_project') }} as project
    {{ only_touched('project', {'project_id': 'project.project_id'}) }}
),

booked as (
    select
        posting.project_id,
        -sum(posting.amount) filter (where account.class = '3') as income,
        sum(posting.amount) filter (where account.class in ('4', '5', '6', '7', '8')) as cost
    from {{ ref('int_posting') }} as posting
    {{ only_touched('project', {'project_id': 'posting.project_id'}) }}
    join {{ ref('int_account') }} as account on account.account_id = posting.account_id
    where posting.project_id is not null
    group by posting.project_id
),

budgeted as (
    select
        dimension.project_id,
        -sum(entry.amount) filter (where account.class = '3') as income,
        sum(entry.amount) filter (where account.class in ('4', '5', '6', '7', '8')) as cost
    from {{ ref('stg_budget_entry') }} as entry
    join {{ ref('stg_dimension') }} as dimension on dimension.dimensions_id = entry.dimensions_id
    join {{ ref('int_account') }} as account on account.account_id = entry.account_id
    {{ only_touched('project', {'project_id': 'dimension.project_id'}) }}
    where dimension.project_id is not null
    group by dimension.project_id
),

reserved as (
    select
        line.project_id,
        sum(line.remaining_net_amount) as amount
    from {{ ref('sales_line') }} as line
    {{ only_touched('project', {'project_id': 'line.project_id'}) }}
    where line.project_id is not null
    group by line.project_id
)

select
    project.project_id,
    project.number,
    project.name,
    project.status,
    project.status_code,
    project.customer_id as party_id,
    project.start_date,
    project.end_date,
    project.planned_start_date,
    project.planned_end_date,
    {{ total('booked.income') }} as income,
    {{ total('booked.cost') }} as cost,
    cast({{ total('booked.income') }} - {{ total('booked.cost') }} as decimal(19, 2)) as margin,
    cast({{ total('budgeted.income') }} - {{ total('budgeted.cost') }} as decimal(19, 2)) as budget,
    {{ total('budgeted.income') }} as budget_income,
    {{ total('budgeted.cost') }} as budget_cost,
    {{ total('reserved.amount') }} as order_reserve,
    {{ total('invoice.amount') }} as invoiced
from project
left join booked using (project_id)
left join budgeted using (project_id)
left join reserved using (project_id)
left join {{ ref('int_project_invoice') }} as invoice using (project_id)
