{{ config(meta={'when': ['touched_entry']}) }}

-- Parties' years whose ledger must be summed up anew: a touched entry stands in them, or stood there at the last build.
select role, party_id, year from {{ ref('held_ledger_year') }}
union
{{ years_of_touched('entry', ref('int_ledger_entry'), ['journal_entry_line_id'], 'financial_date') }}
