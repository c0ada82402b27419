{{ config(meta={'when': ['touched_document']}) }}

-- What the touched documents invoiced of each product and year at the last build.
{% set invoice = previous('reports', 'invoice') %}
{% set invoice_line = previous('reports', 'invoice_line') %}
{% if invoice and invoice_line %}
{{ invoiced_of_products(
    invoice, invoice_line,
    of_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'}),
    of_touched('document', {'role': 'line.role', 'invoice_id': 'line.invoice_id'}),
) }}
{% else %}
select
    cast(null as varchar) as role,
    cast(null as bigint) as party_id,
    cast(null as bigint) as product_id,
    cast(null as varchar) as product_number,
    cast(null as varchar) as product_name,
    cast(null as varchar) as kind,
    cast(null as integer) as year,
    cast(0 as decimal(19, 6)) as quantity,
    cast(0 as decimal(19, 2)) as net_amount,
    cast(0 as decimal(19, 2)) as vat_amount,
    cast(0 as decimal(19, 2)) as gross_amount,
    cast(0 as bigint) as invoice_count
where false
{% endif %}
-- depends_on: {{ ref('touched_document') }}
