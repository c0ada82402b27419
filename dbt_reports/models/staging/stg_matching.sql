-- One pairing of two posted lines; the amount without sign.
select
    "ID" as matching_id,
    nullif("JournalEntryLine1ID", 0) as line_1_id,
    nullif("JournalEntryLine2ID", 0) as line_2_id,
    "Date" as date,
    abs({{ money('"Amount"') }}) as amount,
    abs({{ money('"AmountCurrency"') }}) as amount_currency
from {{ source('raw', 'post_post') }}
where not coalesce("Deleted", false)
