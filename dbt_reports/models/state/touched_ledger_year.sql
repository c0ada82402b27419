-- Parties' years whose ledger must be summed up anew: a touched entry stands in them, or stood there at the last build.
select role, party_id, year from {{ ref('held_ledger_year') }}
union
select
    entry.role,
    entry.party_id,
    cast(extract(year from entry.financial_date) as integer) as year
from {{ ref('int_ledger_entry') }} as entry
{{ of_touched('entry', {'journal_entry_line_id': 'entry.journal_entry_line_id'}) }}
