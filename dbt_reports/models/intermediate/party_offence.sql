{{ config(meta={'scope': {'touched': 'party', 'columns': ['role', 'party_id']}}) }}

-- Where an identity between a party's figures does not hold. A statement shows what is not credited.
with ledger as (
    select
        ledger.role,
        ledger.party_id,
        sum(ledger.balance) as balance,
        sum(ledger.shown_balance) as closing
    from {{ ref('int_ledger_year') }} as ledger
    {{ only_touched('party', {'role': 'ledger.role', 'party_id': 'ledger.party_id'}) }}
    group by ledger.role, ledger.party_id
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

party as (
    select party.*
    from {{ ref('party') }} as party
    {{ only_touched('party', {'role': 'party.role', 'party_id': 'party.party_id'}) }}
),

offence as (
    select
        'open_items_equal_ledger' as check_name,
        ledger.role,
        ledger.party_id,
        ledger.balance as expected,
        coalesce(open_item.remaining, 0) as actual
    from ledger
    left join open_item using (role, party_id)

    union all

    select
        'statement_equals_ledger' as check_name,
        ledger.role,
        ledger.party_id,
        ledger.balance as expected,
        ledger.closing as actual
    from ledger

    union all

    select
        'aging_equals_balance' as check_name,
        party.role,
        party.party_id,
        party.balance as expected,
        party.not_due_amount + party.overdue_1_30_amount + party.overdue_31_60_amount + party.overdue_61_90_amount
        + party.overdue_over_90_amount + party.unallocated_amount as actual
    from party

    union all

    select
        'ledger_party_is_known' as check_name,
        ledger.role,
        ledger.party_id,
        cast(0 as decimal(19, 2)) as expected,
        ledger.balance as actual
    from ledger
    anti join party on party.role = ledger.role and party.party_id = ledger.party_id
    where ledger.balance <> 0
)

select
    check_name,
    role,
    party_id,
    cast(null as varchar) as key,
    cast(expected as decimal(19, 2)) as expected,
    cast(actual as decimal(19, 2)) as actual
from offence
where expected <> actual
