{{ config(meta={'when': ['touched_entry']}) }}

-- What parties' ledgers add up to now in the years in which a touched entry stands, or stood at the last build.
with came as (
    {{ ledger_of_years(
        ref('int_ledger_entry'), of_touched('entry', {'journal_entry_line_id': 'entry.journal_entry_line_id'})
    ) }}
),

total as (
    {{ moved(
        previous('intermediate', 'int_ledger_year'), ref('held_ledger_year'), 'came',
        ['role', 'party_id', 'year'],
        {'balance': 'decimal(19, 2)', 'shown_balance': 'decimal(19, 2)', 'entry_count': 'bigint'},
        'party_id', only_other=false, in_order_of='year', beside={'last_payment_date': 'date'},
    ) }}
),

-- The last payment is lost when it went and none came that is as late: then it is looked for among what stays.
paid as (
    select
        total.*,
        greatest(total.was_last_payment_date, came.last_payment_date) as last_payment_date,
        coalesce(
            held.last_payment_date = total.was_last_payment_date
            and (came.last_payment_date is null or came.last_payment_date < held.last_payment_date),
            false
        ) as is_lost
    from total
    left join came
        on came.role = total.role
        and came.party_id = total.party_id
        and came.year is not distinct from total.year
    left join {{ ref('held_ledger_year') }} as held
        on held.role = total.role
        and held.party_id = total.party_id
        and held.year is not distinct from total.year
),

lost as (
    select
        role,
        party_id
    from paid
    where is_lost
),

found as (
    select
        entry.role,
        entry.party_id,
        {{ year_of('entry.financial_date') }} as year,
        max(entry.financial_date) as last_payment_date
    from {{ ref('int_ledger_entry') }} as entry
    semi join lost on lost.party_id = entry.party_id
    where {{ is_shown_payment('entry') }}
    group by all
)

select
    paid.role,
    paid.party_id,
    paid.year,
    paid.balance,
    paid.shown_balance,
    paid.entry_count,
    case when paid.is_lost then found.last_payment_date else paid.last_payment_date end as last_payment_date
from paid
left join found
    on found.role = paid.role
    and found.party_id = paid.party_id
    and found.year is not distinct from paid.year
