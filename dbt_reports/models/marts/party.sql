{{ config(meta={
    'publish': {'key': ['role', 'party_id'], 'index': [['org_number']]},
    'scope': {'touched': 'party', 'columns': ['role', 'party_id']},
}) }}

with today as (
    select
        as_of,
        cast(extract(year from as_of) as integer) as year,
        cast(as_of - interval 12 months as date) as behaviour_from
    from {{ source('reports_state', 'this_build') }}
),

party as (
    {{ parties(
        only_touched('party', {'role': "'customer'", 'party_id': 'customer.customer_id'}),
        only_touched('party', {'role': "'supplier'", 'party_id': 'supplier.supplier_id'}),
    ) }}
),

ledger as (
    select
        ledger.role,
        ledger.party_id,
        sum(ledger.balance) as balance,
        max(ledger.last_payment_date) as last_payment_date
    from {{ ref('int_ledger_year') }} as ledger
    {{ only_touched('party', {'role': 'ledger.role', 'party_id': 'ledger.party_id'}) }}
    group by ledger.role, ledger.party_id
),

open_items as (
    select
        role,
        party_id,
        sum(remaining_amount) filter (where bucket <> 'unallocated') as open_amount,
        sum(remaining_amount) filter (where is_overdue) as overdue_amount,
        sum(remaining_amount) filter (where bucket = 'unallocated') as unallocated_amount,
        sum(remaining_amount) filter (where bucket = 'not_due') as not_due_amount,
        sum(remaining_amount) filter (where bucket = '1_30') as overdue_1_30_amount,
        sum(remaining_amount) filter (where bucket = '31_60') as overdue_31_60_amount,
        sum(remaining_amount) filter (where bucket = '61_90') as overdue_61_90_amount,
        sum(remaining_amount) filter (where bucket = 'over_90') as overdue_over_90_amount,
        min(due_date) filter (where bucket <> 'unallocated') as oldest_due_date,
        count(*) filter (where is_overdue) as overdue_count,
        count(*) as open_count,
        max({{ collection_rank('collection_state') }}) as collection_rank,
        count(*) filter (where collection_state = 'reminded') as reminded_count,
        count(*) filter (where collection_state = 'collection') as collection_count,
        count(*) filter (where collection_state = 'factoring') as factoring_count,
        count(*) filter (where collection_state = 'third_party') as third_party_count
    from {{ ref('open_item') }} as item
    {{ only_touched('party', {'role': 'item.role', 'party_id': 'item.party_id'}) }}
    group by role, party_id
),

invoiced as (
    select
        month.role,
        month.party_id,
        sum(month.net_amount) filter (where month.year = today.year) as this_year,
        sum(month.net_amount) filter (where month.year = today.year - 1) as last_year
    from {{ ref('turnover_month') }} as month
    semi join (select unnest([year, year - 1]) as year from today) as shown on shown.year = month.year
    cross join today
    {{ only_touched('party', {'role': 'month.role', 'party_id': 'month.party_id'}) }}
    group by month.role, month.party_id
),

behaviour as (
    select
        settled.role,
        settled.party_id,
        count(*) as paid_invoice_count,
        sum(settled.settled_date - settled.invoice_date) as credit_days,
        sum(greatest(0, settled.settled_date - settled.due_date)) as days_late
    from {{ ref('int_settled_invoice') }} as settled
    semi join (
        select cast(unnest(generate_series(behaviour_from + 1, as_of, interval 1 day)) as date) as day from today
    ) as shown on shown.day = settled.settled_date
    {{ only_touched('party', {'role': 'settled.role', 'party_id': 'settled.party_id'}) }}
    group by settled.role, settled.party_id
)

select
    party.role,
    party.party_id,
    party.number,
    party.name,
    party.org_number,
    party.status,
    party.status_code,
    coalesce(currency.code, own_currency.code) as currency,
    own_currency.code as company_currency,
    seller.name as seller,
    {{ total('ledger.balance') }} as balance,
    {{ total('open_items.open_amount') }} as open_amount,
    {{ total('open_items.overdue_amount') }} as overdue_amount,
    {{ total('open_items.unallocated_amount') }} as unallocated_amount,
    {{ total('open_items.not_due_amount') }} as not_due_amount,
    {{ total('open_items.overdue_1_30_amount') }} as overdue_1_30_amount,
    {{ total('open_items.overdue_31_60_amount') }} as overdue_31_60_amount,
    {{ total('open_items.overdue_61_90_amount') }} as overdue_61_90_amount,
    {{ total('open_items.overdue_over_90_amount') }} as overdue_over_90_amount,
    open_items.oldest_due_date,
    coalesce(open_items.open_count, 0) as open_count,
    coalesce(open_items.overdue_count, 0) as overdue_count,
    {{ collection_state('coalesce(open_items.collection_rank, 0)') }} as collection_state,
    coalesce(open_items.reminded_count, 0) as reminded_count,
    coalesce(open_items.collection_count, 0) as collection_count,
    coalesce(open_items.factoring_count, 0) as factoring_count,
    coalesce(open_items.third_party_count, 0) as third_party_count,
    party.credit_days,
    cast({{ exact_ratio('behaviour.credit_days', 'behaviour.paid_invoice_count', 2) }} as decimal(19, 2))
        as actual_credit_days,
    cast({{ exact_ratio('behaviour.days_late', 'behaviour.paid_invoice_count', 2) }} as decimal(19, 2))
        as average_days_late,
    coalesce(behaviour.paid_invoice_count, 0) as paid_invoice_count,
    ledger.last_payment_date,
    {{ total('invoiced.this_year') }} as invoiced_this_year,
    {{ total('invoiced.last_year') }} as invoiced_last_year
from party
left join ledger using (role, party_id)
left join open_items using (role, party_id)
left join invoiced using (role, party_id)
left join behaviour using (role, party_id)
left join {{ ref('stg_seller') }} as seller on seller.seller_id = party.seller_id
left join {{ ref('int_currency') }} as currency on currency.currency_id = party.currency_id
left join {{ ref('int_currency') }} as own_currency on own_currency.currency_id = 0
