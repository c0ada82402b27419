{{ config(materialized='table', schema='reports_state') }}

-- Pairings of the lines of touched parties; each once, whichever of its lines is the touched party's.
with picked as (
    select source.*
    from {{ source('raw', 'post_post') }} as source
    semi join {{ ref('fresh_journal_line') }} as line on line.journal_entry_line_id = source."JournalEntryLine1ID"

    union all

    select source.*
    from {{ source('raw', 'post_post') }} as source
    semi join {{ ref('fresh_journal_line') }} as line on line.journal_entry_line_id = source."JournalEntryLine2ID"
    anti join {{ ref('fresh_journal_line') }} as first_line
        on first_line.journal_entry_line_id = source."JournalEntryLine1ID"
)

select *
from (
{{ stage_matching('picked') }}
) as staged
