{{ config(meta={'when': ['touched_entry']}) }}

-- Parties' years in which the touched entries stood at the last build.
{{ years_of_touched('entry', previous('intermediate', 'int_ledger_entry'), ['journal_entry_line_id'], 'financial_date') }}
