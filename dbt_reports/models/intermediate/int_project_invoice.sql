{{ config(meta={'scope': {'touched': 'project_invoice', 'columns': ['project_id']}}) }}

-- What customers were invoiced on each project, excluding VAT.
{% if is_incremental() %}
select
    project_id,
    amount,
    part_count
from {{ ref('touched_project_invoice') }}
where part_count > 0
{% else %}
{{ invoiced_on_projects(ref('invoice'), ref('invoice_line')) }}
{% endif %}
-- depends_on: {{ ref('invoice') }}, {{ ref('invoice_line') }}, {{ ref('touched_project_invoice') }}
