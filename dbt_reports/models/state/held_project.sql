{{ config(meta={'when': ['touched_sales']}) }}

-- Projects that the touched orders and quotes were on at the last build.
{% set sales_line = previous('reports', 'sales_line') %}
select distinct was.project_id
{% if sales_line %}
from {{ sales_line }} as was
{{ of_touched('sales', {'role': 'was.role', 'party_id': 'was.party_id'}) }}
where was.project_id is not null
{% else %}
from (select cast(null as bigint) as project_id) as was
where false
{% endif %}
-- depends_on: {{ ref('touched_sales') }}
