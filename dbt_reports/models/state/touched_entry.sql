-- Lines of parties' sub-ledgers whose entries, statement lines and pairings must be made anew: the line, a pairing of it,
-- its account's party or its invoice changed; and what stands open when another day has come.
{% set entry = previous('intermediate', 'int_ledger_entry') %}
{% set matching = previous('reports', 'matching') %}
{% set open_item = previous('reports', 'open_item') %}
with touched as (
    select id from {{ changed_record('journal_line') }}
    {{ when('matching') }}
    {% for line in ['line_1_id', 'line_2_id'] %}
    union all
    select pair.{{ line }} as id
    from {{ ref('stg_matching') }} as pair
    semi join {{ changed_record('matching') }} as changed on changed.id = pair.matching_id
    {% endfor %}
    {{ end() }}
    {{ when('account') }}
    union all
    select line.journal_entry_line_id as id
    from {{ ref('stg_journal_line') }} as line
    semi join {{ changed_record('account') }} as changed on changed.id = line.sub_account_id
    {{ end() }}
    {{ when('everything') }}
    union all
    select line.journal_entry_line_id as id
    from {{ ref('stg_journal_line') }} as line
    cross join {{ one_if_changed(['everything']) }} as everything
    where line.sub_account_id is not null
    {{ end() }}

    -- what stood there at the last build
    {% if entry %}
    {{ when('account') }}
    union all
    select was.journal_entry_line_id as id
    from {{ entry }} as was
    semi join {{ changed_record('account') }} as changed on changed.id = was.sub_account_id
    {{ end() }}
    union all
    select was.journal_entry_line_id as id
    from {{ entry }} as was
    {{ of_touched('document', {'role': 'was.role', 'invoice_id': 'was.invoice_id'}) }}
    {{ when('everything') }}
    union all
    select was.journal_entry_line_id as id
    from {{ entry }} as was
    cross join {{ one_if_changed(['everything']) }} as everything
    {{ end() }}
    {% endif %}
    {% if matching %}
    {{ when('matching') }}
    union all
    select was.journal_entry_line_id as id
    from {{ matching }} as was
    semi join {{ changed_record('matching') }} as changed on changed.id = was.matching_id
    {{ end() }}
    {% endif %}
    {% if open_item %}
    {{ when('new_day') }}
    union all
    select was.journal_entry_line_id as id
    from {{ open_item }} as was
    cross join {{ ref('calendar') }} as calendar
    where calendar.is_new_day
    {{ end() }}
    {% endif %}
)

select distinct id as journal_entry_line_id
from touched
where id is not null
-- depends_on: {{ ref('touched_document') }}, {{ ref('calendar') }}
