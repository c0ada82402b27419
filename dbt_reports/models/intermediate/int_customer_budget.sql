{{ config(materialized='ephemeral') }}

-- Per customer and period: what the register budgets, and what was invoiced excluding VAT.
select
    'customer' as scope,
    customer.customer_id as scope_id,
    budget.year,
    budget.period,
    budget.amount as budget_amount,
    cast(0 as decimal(19, 2)) as actual_amount
from {{ ref('stg_customer_budget') }} as budget
join {{ ref('stg_customer') }} as customer on customer.number = budget.customer_number

union all

select
    'customer' as scope,
    invoice.party_id as scope_id,
    cast(coalesce(accounting_day.year, extract(year from invoice.invoice_date)) as integer) as year,
    cast(coalesce(accounting_day.period, extract(month from invoice.invoice_date)) as integer) as period,
    cast(0 as decimal(19, 2)) as budget_amount,
    invoice.net_amount as actual_amount
from {{ ref('invoice') }} as invoice
left join {{ ref('accounting_day') }} as accounting_day on accounting_day.day = invoice.invoice_date
where invoice.role = 'customer' and invoice.invoice_date is not null
