{{ config(materialized='table', schema='reports_state') }}

-- Posted lines of touched parties and of touched vouchers. Each part is a join of its own, so that nothing is read where
-- nothing was touched.
with touched_account as (
    select account.sub_account_id
    from {{ ref('int_party_account') }} as account
    semi join {{ ref('touched_party') }} as touched
        on touched.role = account.role and touched.party_id = account.party_id
),

touched_loose as (
    select voucher_id
    from {{ ref('touched_voucher') }}
    where voucher_id = 0
),

picked as (
    select source.*
    from {{ source('raw', 'journal_entry_line') }} as source
    semi join touched_account on touched_account.sub_account_id = source."SubAccountID"

    union all

    select source.*
    from {{ source('raw', 'journal_entry_line') }} as source
    semi join {{ ref('touched_voucher') }} as touched
        on touched.voucher_id = source."JournalEntryID" and touched.voucher_id <> 0
    anti join touched_account on touched_account.sub_account_id = source."SubAccountID"

    union all

    -- lines without a voucher stand together under 0
    select source.*
    from {{ source('raw', 'journal_entry_line') }} as source
    semi join touched_loose on touched_loose.voucher_id = coalesce(source."JournalEntryID", 0)
    anti join touched_account on touched_account.sub_account_id = source."SubAccountID"
)

select *
from (
{{ stage_journal_line('picked') }}
) as staged
