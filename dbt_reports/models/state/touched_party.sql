-- Parties whose rows must be made anew: because data changed (theirs now, or theirs at the last build), or because the
-- calendar did.
{% set entry = previous('intermediate', 'int_ledger_entry') %}
{% set invoice = previous('reports', 'invoice') %}
{% set matching = previous('reports', 'matching') %}
{% set open_item = previous('reports', 'open_item') %}
{% set party = previous('reports', 'party') %}
{% set seen = previous('reports_state', 'seen') %}
with calendar as (
    select * from {{ ref('calendar') }}
),

-- The lines that are paired with a changed line, or were paired with it, show it.
changed_line as (
    select id from {{ changed_record('journal_line') }}
    {% for line, other in [(1, 2), (2, 1)] %}
    {{ when('matching') }}
    union all
    select pair.line_{{ line }}_id as id
    from {{ ref('stg_matching') }} as pair
    semi join {{ changed_record('matching') }} as changed on changed.id = pair.matching_id
    {{ end() }}
    {{ when('journal_line') }}
    -- by the raw column, whose order tells where to look
    union all
    select pair."JournalEntryLine{{ line }}ID" as id
    from {{ source('raw', 'post_post') }} as pair
    semi join {{ changed_record('journal_line') }} as changed on changed.id = pair."JournalEntryLine{{ other }}ID"
    where not coalesce(pair."Deleted", false)
    {{ end() }}
    {% endfor %}
),

touched as (
    select 'customer' as role, id as party_id from {{ changed_record('customer') }}
    {{ when('supplier') }}
    union all
    select 'supplier' as role, id as party_id from {{ changed_record('supplier') }}
    {{ end() }}
    {{ when('account') }}
    union all
    select account.role, account.party_id
    from {{ ref('int_party_account') }} as account
    semi join {{ changed_record('account') }} as changed on changed.id = account.sub_account_id
    {{ end() }}
    {{ when(['journal_line', 'matching']) }}
    union all
    select account.role, account.party_id
    from {{ ref('stg_journal_line') }} as line
    semi join changed_line on changed_line.id = line.journal_entry_line_id
    join {{ ref('int_party_account') }} as account on account.sub_account_id = line.sub_account_id
    {{ end() }}
    {% for role in ['customer', 'supplier'] %}
    {{ when(role ~ '_invoice') }}
    union all
    select '{{ role }}' as role, document.{{ role }}_id as party_id
    from {{ ref('stg_' ~ role ~ '_invoice') }} as document
    semi join {{ changed_record(role ~ '_invoice') }} as changed on changed.id = document.invoice_id
    {{ end() }}
    {% endfor %}

    -- whose the records were at the last build
    {% if entry %}
    {{ when(['journal_line', 'matching']) }}
    union all
    select was.role, was.party_id
    from {{ entry }} as was
    semi join changed_line on changed_line.id = was.journal_entry_line_id
    {{ end() }}
    {{ when('account') }}
    union all
    select was.role, was.party_id
    from {{ entry }} as was
    semi join {{ changed_record('account') }} as changed on changed.id = was.sub_account_id
    {{ end() }}
    {% endif %}
    {% if matching %}
    {{ when('matching') }}
    union all
    select was.role, was.party_id
    from {{ matching }} as was
    semi join {{ changed_record('matching') }} as changed on changed.id = was.matching_id
    {{ end() }}
    {{ when('journal_line') }}
    union all
    select was.role, was.party_id
    from {{ matching }} as was
    semi join {{ changed_record('journal_line') }} as changed on changed.id = was.counter_line_id
    {{ end() }}
    {% endif %}
    {% if invoice %}
    {% for role in ['customer', 'supplier'] %}
    {{ when(role ~ '_invoice') }}
    union all
    select was.role, was.party_id
    from {{ invoice }} as was
    semi join {{ changed_record(role ~ '_invoice') }} as changed on changed.id = was.invoice_id
    where was.role = '{{ role }}'
    {{ end() }}
    {% endfor %}
    {% endif %}

    -- all, when the company's currency or settings changed; some have documents or entries and are no party any more
    {{ when('everything') }}
    union all
    select party.role, party.party_id
    from {{ ref('int_party') }} as party
    cross join {{ one_if_changed(['everything']) }} as everything
    {% for shown in [entry, invoice] if shown %}
    union all
    select was.role, was.party_id
    from {{ shown }} as was
    cross join {{ one_if_changed(['everything']) }} as everything
    {% endfor %}
    {{ end() }}
    {% if seen and party and open_item and matching %}
    {{ when('everything') }}
    union all
    select was.role, was.party_id
    from {{ party }} as was
    cross join {{ one_if_changed(['everything']) }} as everything
    {{ end() }}

    -- the calendar: another day for those with open items and for those whose payments enter or leave the last twelve
    -- months, another year for all
    {{ when('new_year') }}
    union all
    select was.role, was.party_id
    from {{ party }} as was
    cross join calendar
    where calendar.is_new_year
    {{ end() }}
    {{ when('new_day') }}
    union all
    select was.role, was.party_id
    from {{ open_item }} as was
    cross join calendar
    where calendar.is_new_day
    union all
    select was.role, was.party_id
    from {{ matching }} as was
    cross join calendar
    where
        was.date > calendar.behaviour_from_1 and was.date <= calendar.behaviour_from_2
        or was.date > calendar.day_1 and was.date <= calendar.day_2
    {{ end() }}
    {% endif %}
)

select distinct
    role,
    party_id
from touched
where party_id is not null
