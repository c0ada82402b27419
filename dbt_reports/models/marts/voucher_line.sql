{{ config(meta={
    'publish': {'key': ['voucher_id', 'journal_entry_line_id'], 'index': [['journal_entry_line_id']]},
    'scope': {'touched': 'voucher', 'columns': ['voucher_id']},
}) }}

-- Every posted line as the ledger has it, with what it is posted on: account, party, project, department and period.
{% set of_customers, of_suppliers = '', '' %}
{% if is_incremental() %}
{% set of_customers = "semi join line on line.party_role = 'customer' and line.party_id = customer.customer_id" %}
{% set of_suppliers = "semi join line on line.party_role = 'supplier' and line.party_id = supplier.supplier_id" %}
{% endif %}
with line as (
    select
        line.*,
        party_account.role as party_role,
        party_account.party_id,
        party_account.name as party_account_name
    from {{ staged('journal_line') }} as line
    {{ only_touched('voucher', {'voucher_id': 'coalesce(line.voucher_id, 0)'}) }}
    left join {{ ref('int_party_account') }} as party_account on party_account.sub_account_id = line.sub_account_id
),

party as (
    {{ parties(of_customers, of_suppliers) }}
)

select
    line.journal_entry_line_id,
    coalesce(line.voucher_id, 0) as voucher_id,
    line.voucher_number,
    line.financial_date,
    cast(coalesce(period.year, accounting_day.year, extract(year from line.financial_date)) as integer) as year,
    cast(coalesce(period.period, accounting_day.period, extract(month from line.financial_date)) as integer) as period,
    line.account_id,
    account.number as account_number,
    account.name as account_name,
    account.class as account_class,
    line.party_role,
    line.party_id,
    coalesce(party.name, line.party_account_name) as party,
    dimension.project_id,
    dimension.department_id,
    line.dimensions_id,
    line.text,
    line.amount,
    coalesce(currency.code, own_currency.code) as currency,
    line.amount_currency
from line
left join {{ ref('int_account') }} as account on account.account_id = line.account_id
left join party on party.role = line.party_role and party.party_id = line.party_id
left join {{ ref('stg_dimension') }} as dimension on dimension.dimensions_id = line.dimensions_id
left join {{ ref('stg_period') }} as period on period.period_id = line.period_id
left join {{ ref('accounting_day') }} as accounting_day on accounting_day.day = line.financial_date
left join {{ ref('int_currency') }} as currency on currency.currency_id = line.currency_id
left join {{ ref('int_currency') }} as own_currency on own_currency.currency_id = 0
-- depends_on: {{ ref('held_posting') }}
