{{ config(meta={'when': ['touched_entry']}) }}

-- What the touched entries added up to in parties' years at the last build.
{% set entry = previous('intermediate', 'int_ledger_entry') %}
{% if entry %}
{{ ledger_of_years(entry, of_touched('entry', {'journal_entry_line_id': 'entry.journal_entry_line_id'})) }}
{% else %}
select
    cast(null as varchar) as role,
    cast(null as bigint) as party_id,
    cast(null as integer) as year,
    cast(0 as decimal(19, 2)) as balance,
    cast(0 as decimal(19, 2)) as shown_balance,
    cast(0 as bigint) as entry_count,
    cast(null as date) as last_payment_date
where false
{% endif %}
-- depends_on: {{ ref('touched_entry') }}
