-- Invoices and credit notes whose rows must be made anew: the record, its lines or something that they show changed.
{% set invoice = previous('reports', 'invoice') %}
{% set invoice_line = previous('reports', 'invoice_line') %}
{% set sales_line = previous('reports', 'sales_line') %}
with touched as (
    {% for role in ['customer', 'supplier'] %}
    select '{{ role }}' as role, id as invoice_id from {{ changed_record(role ~ '_invoice') }}
    {{ when('everything') }}
    union all
    select '{{ role }}' as role, document.invoice_id
    from {{ ref('stg_' ~ role ~ '_invoice') }} as document
    cross join {{ one_if_changed(['everything']) }} as everything
    {{ end() }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

    {% if invoice %}
    {{ when('everything') }}
    union all
    select was.role, was.invoice_id
    from {{ invoice }} as was
    cross join {{ one_if_changed(['everything']) }} as everything
    {{ end() }}
    {% endif %}

    -- a line that is gone from its order takes the order's number off the invoice
    {% if invoice_line and sales_line %}
    {{ when('order') }}
    union all
    select was.role, was.invoice_id
    from {{ invoice_line }} as was
    semi join (
        select ordered.line_id
        from {{ sales_line }} as ordered
        semi join {{ changed_record('order') }} as changed on changed.id = ordered.document_id
        where ordered.document_type = 'order'
    ) as ordered on ordered.line_id = was.order_line_id
    where was.role = 'customer'
    {{ end() }}
    {% endif %}
)

select distinct
    role,
    invoice_id
from touched
where invoice_id is not null
