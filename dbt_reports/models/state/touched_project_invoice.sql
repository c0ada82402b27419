{{ config(meta={'when': ['touched_document']}) }}

-- What is invoiced on projects now, where it is not what it was at the last build.
with came as (
    {{ invoiced_on_projects(
        ref('invoice'), ref('invoice_line'),
        of_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'}),
        of_touched('document', {'role': 'line.role', 'invoice_id': 'line.invoice_id'}),
    ) }}
),

total as (
    {{ moved(
        previous('intermediate', 'int_project_invoice'), ref('held_project_invoice'), 'came',
        ['project_id'], {'amount': 'decimal(19, 2)', 'part_count': 'bigint'}, 'project_id',
    ) }}
)

select * from total
