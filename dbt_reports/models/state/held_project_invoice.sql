{{ config(meta={'when': ['touched_document']}) }}

-- What the touched documents had invoiced on projects at the last build.
{% set invoice = previous('reports', 'invoice') %}
{% set invoice_line = previous('reports', 'invoice_line') %}
{% if invoice and invoice_line %}
{{ invoiced_on_projects(
    invoice, invoice_line,
    of_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'}),
    of_touched('document', {'role': 'line.role', 'invoice_id': 'line.invoice_id'}),
) }}
{% else %}
select
    cast(null as bigint) as project_id,
    cast(0 as decimal(19, 2)) as amount,
    cast(0 as bigint) as part_count
where false
{% endif %}
-- depends_on: {{ ref('touched_document') }}
