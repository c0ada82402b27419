{{ config(materialized='table', schema='reports_state') }}

-- Posted lines of touched parties and of touched vouchers.
with picked as (
    select source.*
    from {{ source('raw', 'journal_entry_line') }} as source
    where
        source."SubAccountID" in (
            select account.sub_account_id
            from {{ ref('int_party_account') }} as account
            semi join {{ ref('touched_party') }} as touched
                on touched.role = account.role and touched.party_id = account.party_id
        )
        or coalesce(source."JournalEntryID", 0) in (select voucher_id from {{ ref('touched_voucher') }})
)

select *
from (
{{ stage_journal_line('picked') }}
) as staged
