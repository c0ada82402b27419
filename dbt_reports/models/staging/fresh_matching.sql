{{ config(materialized='table', schema='reports_state', meta={'when': ['touched_entry']}) }}

-- Pairings of touched lines; each once, whichever of its lines is the touched one.
with picked as (
    select source.*
    from {{ source('raw', 'post_post') }} as source
    semi join {{ ref('touched_entry') }} as entry on entry.journal_entry_line_id = source."JournalEntryLine1ID"

    union all

    select source.*
    from {{ source('raw', 'post_post') }} as source
    semi join {{ ref('touched_entry') }} as entry on entry.journal_entry_line_id = source."JournalEntryLine2ID"
    anti join {{ ref('touched_entry') }} as first_entry
        on first_entry.journal_entry_line_id = source."JournalEntryLine1ID"
)

select *
from (
{{ stage_matching('picked') }}
) as staged
