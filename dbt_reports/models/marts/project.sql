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
        line.project_id,
        sum(line.amount) filter (where line.kind = 'income') as income,
        sum(line.amount) filter (where line.kind = 'cost') as cost
    from {{ ref('project_line') }} as line
    {{ only_touched('project', {'project_id': 'line.project_id'}) }}
    group by line.project_id
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
),

-- Lines count on their own project; what an invoice has beside its lines counts on the invoice's.
invoiced_part as (
    select
        line.project_id,
        line.net_amount as amount
    from {{ ref('invoice_line') }} as line
    {{ only_touched('project', {'project_id': 'line.project_id'}) }}
    where line.role = 'customer'

    union all

    select
        invoice.project_id,
        invoice.net_amount as amount
    from {{ ref('invoice') }} as invoice
    {{ only_touched('project', {'project_id': 'invoice.project_id'}) }}
    where invoice.role = 'customer' and invoice.project_id is not null

    union all

    select
        invoice.project_id,
        -line.net_amount as amount
    from {{ ref('invoice_line') }} as line
    join {{ ref('invoice') }} as invoice on invoice.role = line.role and invoice.invoice_id = line.invoice_id
    {{ only_touched('project', {'project_id': 'invoice.project_id'}) }}
    where invoice.role = 'customer' and invoice.project_id is not null
),

invoiced as (
    select
        project_id,
        sum(amount) as amount
    from invoiced_part
    where project_id is not null
    group by project_id
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
    {{ total('invoiced.amount') }} as invoiced
from project
left join booked using (project_id)
left join budgeted using (project_id)
left join reserved using (project_id)
left join invoiced using (project_id)
