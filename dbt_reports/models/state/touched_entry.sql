-- Lines of parties' sub-ledgers whose entries, statement lines and pairings must be made anew: the line, a pairing of it,
-- its account's party or its invoice changed; and what stands open when another day has come.
{% set entry = previous('intermediate', 'int_ledger_entry') %}
{% set matching = previous('reports', 'matching') %}
{% set open_item = previous('reports', 'open_item') %}
with everything as (
    select distinct 1 as one
    from {{ ref('changed_record') }}
    where record = 'everything'
),

touched as (
    select id from {{ changed_record('journal_line') }}
    {% for line in ['line_1_id', 'line_2_id'] %}
    union all
    select pair.{{ line }} as id
    from {{ ref('stg_matching') }} as pair
    semi join {{ changed_record('matching') }} as changed on changed.id = pair.matching_id
    {% endfor %}
    union all
    select line.journal_entry_line_id as id
    from {{ ref('stg_journal_line') }} as line
    semi join {{ changed_record('account') }} as changed on changed.id = line.sub_account_id
    union all
    select line.journal_entry_line_id as id
    from {{ ref('stg_journal_line') }} as line
    cross join everything
    where line.sub_account_id is not null

    -- what stood there at the last build
    {% if entry %}
    union all
    select was.journal_entry_line_id as id
    from {{ entry }} as was
    semi join {{ changed_record('account') }} as changed on changed.id = was.sub_account_id
    union all
    select was.journal_entry_line_id as id
    from {{ entry }} as was
    semi join {{ ref('touched_document') }} as touched
        on touched.role = was.role and touched.invoice_id = was.invoice_id
    union all
    select was.journal_entry_line_id as id
    from {{ entry }} as was
    cross join everything
    {% endif %}
    {% if matching %}
    union all
    select was.journal_entry_line_id as id
    from {{ matching }} as was
    semi join {{ changed_record('matching') }} as changed on changed.id = was.matching_id
    {% endif %}
    {% if open_item %}
    union all
    select was.journal_entry_line_id as id
    from {{ open_item }} as was
    cross join {{ ref('calendar') }} as calendar
    where calendar.is_new_day
    {% endif %}
)

select distinct id as journal_entry_line_id
from touched
where id is not null
-- depends_on: {{ ref('touched_document') }}, {{ ref('calendar') }}
