{{ config(meta={
    'publish': {
        'key': ['scope', 'scope_id', 'account_id', 'year', 'period'],
        'index': [['account_number', 'year']],
    },
    'scope': {'touched': 'budget', 'columns': ['scope', 'scope_id', 'year', 'period'], 'in_order_of': 'year'},
}) }}

{% set near %}
{% if is_incremental() %}semi join touched_day on touched_day.day = invoice.invoice_date{% endif %}
{% endset %}
-- Budgets and posted lines per account and period: of the company, of each project and of each department. Customers'
-- budgets come from the register, their actual figures from their invoices. Income is positive.
with {% if is_incremental() %}touched_period as (
    select distinct
        year,
        period
    from {{ ref('touched_budget') }}
    where scope = 'customer'
),

-- The days that may be of these periods: by the company's own, or by the calendar where it has none.
touched_day as (
    select accounting_day.day
    from {{ ref('accounting_day') }} as accounting_day
    semi join touched_period using (year, period)

    union all

    select cast(unnest(generate_series(make_date(year, period, 1), last_day(make_date(year, period, 1)), interval 1 day)) as date)
    from touched_period
    where period between 1 and 12
),

{% endif %}entry as (
    select
        entry.account_id,
        dimension.project_id,
        dimension.department_id,
        cast(entry.year as integer) as year,
        cast(entry.period as integer) as period,
        entry.amount
    from {{ ref('stg_budget_entry') }} as entry
    left join {{ ref('stg_dimension') }} as dimension on dimension.dimensions_id = entry.dimensions_id
    where entry.account_id is not null
),

figure as (
    {% for scope in ['account', 'project', 'department'] %}
    select
        '{{ scope }}' as scope,
        posting.{{ scope }}_id as scope_id,
        posting.account_id,
        posting.year,
        posting.period,
        cast(0 as decimal(19, 2)) as budget_amount,
        sum(posting.amount) as actual_amount
    from {{ ref('int_posting') }} as posting
    {{ only_touched('budget', {
        'scope': "'" ~ scope ~ "'", 'scope_id': 'posting.' ~ scope ~ '_id', 'year': 'posting.year',
        'period': 'posting.period',
    }) }}
    where posting.{{ scope }}_id is not null and posting.year is not null
    group by posting.{{ scope }}_id, posting.account_id, posting.year, posting.period

    union all

    select
        '{{ scope }}' as scope,
        entry.{{ scope }}_id as scope_id,
        entry.account_id,
        entry.year,
        entry.period,
        sum(entry.amount) as budget_amount,
        cast(0 as decimal(19, 2)) as actual_amount
    from entry
    {{ only_touched('budget', {
        'scope': "'" ~ scope ~ "'", 'scope_id': 'entry.' ~ scope ~ '_id', 'year': 'entry.year',
        'period': 'entry.period',
    }) }}
    where entry.{{ scope }}_id is not null
    group by entry.{{ scope }}_id, entry.account_id, entry.year, entry.period

    union all
    {% endfor %}

    select
        budget.scope,
        budget.scope_id,
        cast(null as bigint) as account_id,
        budget.year,
        budget.period,
        budget.amount as budget_amount,
        cast(0 as decimal(19, 2)) as actual_amount
    from {{ ref('int_customer_budget') }} as budget
    {{ only_touched('budget', {
        'scope': 'budget.scope', 'scope_id': 'budget.scope_id', 'year': 'budget.year', 'period': 'budget.period',
    }) }}

    union all

    select
        'customer' as scope,
        invoiced.party_id as scope_id,
        cast(null as bigint) as account_id,
        invoiced.year,
        invoiced.period,
        cast(0 as decimal(19, 2)) as budget_amount,
        sum(invoiced.net_amount) as actual_amount
    from {{ invoiced_in_periods(ref('invoice'), near) }} as invoiced
    {{ only_touched('budget', {
        'scope': "'customer'", 'scope_id': 'invoiced.party_id', 'year': 'invoiced.year', 'period': 'invoiced.period',
    }) }}
    group by invoiced.party_id, invoiced.year, invoiced.period
),

total as (
    select
        scope,
        scope_id,
        account_id,
        year,
        period,
        sum(budget_amount) as budget_amount,
        sum(actual_amount) as actual_amount
    from figure
    group by scope, scope_id, account_id, year, period
),

-- Income stands with a minus in the ledger; a customer's figures are income already.
turned as (
    select
        total.scope,
        total.scope_id,
        total.account_id,
        account.number as account_number,
        account.name as account_name,
        total.year,
        total.period,
        case when total.scope = 'customer' then 'income' else
            case
                when account.class = '3' then 'income'
                when account.class in ('4', '5', '6', '7', '8') then 'cost'
            end
        end as kind,
        case when account.class = '3' then -total.budget_amount else total.budget_amount end as budget_amount,
        case when account.class = '3' then -total.actual_amount else total.actual_amount end as actual_amount
    from total
    left join {{ ref('int_account') }} as account on account.account_id = total.account_id
)

select
    scope,
    scope_id,
    account_id,
    account_number,
    account_name,
    year,
    period,
    kind,
    cast(budget_amount as decimal(19, 2)) as budget_amount,
    cast(actual_amount as decimal(19, 2)) as actual_amount,
    cast(actual_amount - budget_amount as decimal(19, 2)) as variance_amount,
    case kind
        when 'income' then actual_amount - budget_amount >= 0
        when 'cost' then actual_amount - budget_amount <= 0
    end as favourable
from turned
{{ in_order_of('year') }}
