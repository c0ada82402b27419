{{ config(materialized='table', schema='reports_state', meta={'when': ['touched_entry', 'touched_voucher']}) }}

-- Touched lines of sub-ledgers, and the lines of touched vouchers. Each part is a join of its own, so that nothing is read
-- where nothing was touched.
with touched_loose as (
    select voucher_id
    from {{ ref('touched_voucher') }}
    where voucher_id = 0
),

picked as (
    select source.*
    from {{ source('raw', 'journal_entry_line') }} as source
    semi join {{ ref('touched_entry') }} as entry on entry.journal_entry_line_id = source."ID"

    union all

    select source.*
    from {{ source('raw', 'journal_entry_line') }} as source
    semi join {{ ref('touched_voucher') }} as touched
        on touched.voucher_id = source."JournalEntryID" and touched.voucher_id <> 0
    anti join {{ ref('touched_entry') }} as entry on entry.journal_entry_line_id = source."ID"

    union all

    -- lines without a voucher stand together under 0
    select source.*
    from {{ source('raw', 'journal_entry_line') }} as source
    semi join touched_loose on touched_loose.voucher_id = coalesce(source."JournalEntryID", 0)
    anti join {{ ref('touched_entry') }} as entry on entry.journal_entry_line_id = source."ID"
)

select *
from (
{{ stage_journal_line('picked') }}
) as staged
