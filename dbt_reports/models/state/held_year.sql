-- Parties' years in which the touched documents stood at the last build.
{% set invoice = previous('reports', 'invoice') %}
select distinct
    was.role,
    was.party_id,
    cast(extract(year from was.invoice_date) as integer) as year
{% if invoice %}
from {{ invoice }} as was
{{ of_touched('document', {'role': 'was.role', 'invoice_id': 'was.invoice_id'}) }}
{% else %}
from (
    select
        cast(null as varchar) as role,
        cast(null as bigint) as party_id,
        cast(null as date) as invoice_date
) as was
where false
{% endif %}
-- depends_on: {{ ref('touched_document') }}
