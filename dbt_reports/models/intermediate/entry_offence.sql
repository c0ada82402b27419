{{ config(meta={'scope': {'touched': 'entry', 'columns': ['journal_entry_line_id']}}) }}

-- Entries whose amount less their pairings is not what remains of them, and those that the statement shows otherwise: credited
-- ones stand outside it.
with matched as (
    select
        pair.role,
        pair.party_id,
        pair.journal_entry_line_id,
        sum(pair.amount) as amount
    from {{ ref('matching') }} as pair
    {{ only_touched('entry', {'journal_entry_line_id': 'pair.journal_entry_line_id'}) }}
    group by pair.role, pair.party_id, pair.journal_entry_line_id
),

shown as (
    select
        line.journal_entry_line_id,
        sum(line.amount) as amount
    from {{ ref('statement_line') }} as line
    {{ only_touched('entry', {'journal_entry_line_id': 'line.journal_entry_line_id'}) }}
    group by line.journal_entry_line_id
),

entry as (
    select entry.*
    from {{ ref('int_ledger_entry') }} as entry
    {{ only_touched('entry', {'journal_entry_line_id': 'entry.journal_entry_line_id'}) }}
),

offence as (
    select
        'open_as_of_equals_open_items' as check_name,
        entry.role,
        entry.party_id,
        entry.journal_entry_line_id,
        entry.remaining_amount as expected,
        entry.amount - coalesce(matched.amount, 0) as actual
    from entry
    left join matched
        on matched.role = entry.role
        and matched.party_id = entry.party_id
        and matched.journal_entry_line_id = entry.journal_entry_line_id
    where not entry.is_credited

    union all

    select
        'statement_equals_ledger' as check_name,
        entry.role,
        entry.party_id,
        entry.journal_entry_line_id,
        case when entry.is_credited then 0 else entry.amount end as expected,
        coalesce(shown.amount, 0) as actual
    from entry
    left join shown on shown.journal_entry_line_id = entry.journal_entry_line_id
)

select
    check_name,
    role,
    party_id,
    journal_entry_line_id,
    'journal_entry_line_id=' || journal_entry_line_id as key,
    cast(expected as decimal(19, 2)) as expected,
    cast(actual as decimal(19, 2)) as actual
from offence
where expected <> actual
