-- Parties' years in which the touched entries stood at the last build.
{% set entry = previous('intermediate', 'int_ledger_entry') %}
select distinct
    was.role,
    was.party_id,
    cast(extract(year from was.financial_date) as integer) as year
{% if entry %}
from {{ entry }} as was
{{ of_touched('entry', {'journal_entry_line_id': 'was.journal_entry_line_id'}) }}
{% else %}
from (
    select
        cast(null as varchar) as role,
        cast(null as bigint) as party_id,
        cast(null as date) as financial_date
) as was
where false
{% endif %}
-- depends_on: {{ ref('touched_entry') }}
