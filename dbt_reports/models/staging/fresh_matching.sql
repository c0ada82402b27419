{{ config(materialized='table', schema='reports_state') }}

-- Pairings of the lines of touched parties.
with picked as (
    select source.*
    from {{ source('raw', 'post_post') }} as source
    where
        source."JournalEntryLine1ID" in (select journal_entry_line_id from {{ ref('fresh_journal_line') }})
        or source."JournalEntryLine2ID" in (select journal_entry_line_id from {{ ref('fresh_journal_line') }})
)

select *
from (
{{ stage_matching('picked') }}
) as staged
