{{ config(meta={'scope': {'touched': 'party', 'columns': ['role', 'party_id']}}) }}

-- Where an identity between a party's figures does not hold. `key` says which figure, where there are several.
with ledger as (
    select
        entry.role,
        entry.party_id,
        sum(entry.amount) as balance
    from {{ ref('int_ledger_entry') }} as entry
    {{ only_touched('party', {'role': 'entry.role', 'party_id': 'entry.party_id'}) }}
    group by entry.role, entry.party_id
),

open_item as (
    select
        item.role,
        item.party_id,
        sum(item.remaining_amount) as remaining
    from {{ ref('open_item') }} as item
    {{ only_touched('party', {'role': 'item.role', 'party_id': 'item.party_id'}) }}
    group by item.role, item.party_id
),

statement as (
    select
        line.role,
        line.party_id,
        sum(line.amount) as closing
    from {{ ref('statement_line') }} as line
    {{ only_touched('party', {'role': 'line.role', 'party_id': 'line.party_id'}) }}
    group by line.role, line.party_id
),

party as (
    select party.*
    from {{ ref('party') }} as party
    {{ only_touched('party', {'role': 'party.role', 'party_id': 'party.party_id'}) }}
),

invoiced as (
    select
        invoice.role,
        invoice.party_id,
        sum(invoice.net_amount) as net_amount,
        sum(invoice.gross_amount) as gross_amount
    from {{ ref('invoice') }} as invoice
    {{ only_touched('party', {'role': 'invoice.role', 'party_id': 'invoice.party_id'}) }}
    group by invoice.role, invoice.party_id
),

{% for name, model in [('month', 'turnover_month'), ('product', 'turnover_product'), ('seller', 'turnover_seller')] %}
by_{{ name }} as (
    select
        part.role,
        part.party_id,
        sum(part.net_amount) as net_amount,
        sum(part.gross_amount) as gross_amount
    from {{ ref(model) }} as part
    {{ only_touched('party', {'role': 'part.role', 'party_id': 'part.party_id'}) }}
    group by part.role, part.party_id
),

{% endfor %}
offence as (
    select
        'open_items_equal_ledger' as check_name,
        ledger.role,
        ledger.party_id,
        cast(null as varchar) as key,
        ledger.balance as expected,
        coalesce(open_item.remaining, 0) as actual
    from ledger
    left join open_item using (role, party_id)

    union all

    select
        'statement_equals_ledger' as check_name,
        ledger.role,
        ledger.party_id,
        cast(null as varchar) as key,
        ledger.balance as expected,
        coalesce(statement.closing, 0) as actual
    from ledger
    left join statement using (role, party_id)

    union all

    select
        'aging_equals_balance' as check_name,
        party.role,
        party.party_id,
        cast(null as varchar) as key,
        party.balance as expected,
        party.not_due_amount + party.overdue_1_30_amount + party.overdue_31_60_amount + party.overdue_61_90_amount
        + party.overdue_over_90_amount + party.unallocated_amount as actual
    from party

    union all

    select
        'ledger_party_is_known' as check_name,
        ledger.role,
        ledger.party_id,
        cast(null as varchar) as key,
        cast(0 as decimal(19, 2)) as expected,
        ledger.balance as actual
    from ledger
    anti join party on party.role = ledger.role and party.party_id = ledger.party_id
    where ledger.balance <> 0

    {% for name in ['month', 'product', 'seller'] %}
    {% for amount in ['net_amount', 'gross_amount'] %}
    union all

    select
        'invoiced_by_{{ name }}' as check_name,
        invoiced.role,
        invoiced.party_id,
        '{{ amount }}' as key,
        invoiced.{{ amount }} as expected,
        coalesce(by_{{ name }}.{{ amount }}, 0) as actual
    from invoiced
    left join by_{{ name }} using (role, party_id)
    {% endfor %}
    {% endfor %}
)

select
    check_name,
    role,
    party_id,
    key,
    cast(expected as decimal(19, 2)) as expected,
    cast(actual as decimal(19, 2)) as actual
from offence
where expected <> actual
