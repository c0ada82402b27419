-- Figures that the touched documents and budgets had a part in at the last build.
{% set budget_actual = previous('reports', 'budget_actual') %}
{% set customer_budget = previous('intermediate', 'int_customer_budget') %}
{% set invoice = previous('reports', 'invoice') %}
with held as (
    select
        cast(null as varchar) as scope,
        cast(null as bigint) as scope_id,
        cast(null as integer) as year,
        cast(null as integer) as period
    {% if invoice %}
    union all
    select 'customer' as scope, was.party_id as scope_id, was.year, was.period
    from {{ invoiced_in_periods(
        invoice, of_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'})
    ) }} as was
    {% endif %}
    {% if customer_budget %}
    union all
    select scope, scope_id, year, period
    from {{ registered_budget() }} as registered
    full join {{ customer_budget }} as was using (scope, scope_id, year, period)
    where registered.amount is distinct from was.amount
    {% endif %}
    {% if budget_actual %}
    {{ when(shown_by_budgets()) }}
    union all
    select was.scope, was.scope_id, was.year, was.period
    from {{ budget_actual }} as was
    cross join {{ one_if_changed(shown_by_budgets()) }} as changed_budget
    {{ end() }}
    {% endif %}
)

select distinct
    scope,
    scope_id,
    year,
    period
from held
where scope_id is not null
-- depends_on: {{ ref('changed_record') }}, {{ ref('touched_document') }}, {{ ref('accounting_day') }}, {{ ref('stg_customer') }},
-- {{ ref('stg_customer_budget') }}
