-- Parties whose quotes and orders must be made anew: one of theirs changed, now or at the last build, or what it shows.
{% set sales_document = previous('reports', 'sales_document') %}
{% set invoice_line = previous('reports', 'invoice_line') %}
{% set sales_line = previous('reports', 'sales_line') %}
with touched as (
    select cast(null as varchar) as role, cast(null as bigint) as party_id
    {% for document_type in ['order', 'quote'] %}
    {{ when(document_type) }}
    union all
    select 'customer' as role, document.customer_id as party_id
    from {{ ref('stg_' ~ document_type) }} as document
    semi join {{ changed_record(document_type) }} as changed on changed.id = document.{{ document_type }}_id
    {% if sales_document %}
    union all
    select was.role, was.party_id
    from {{ sales_document }} as was
    semi join {{ changed_record(document_type) }} as changed on changed.id = was.document_id
    where was.document_type = '{{ document_type }}'
    {% endif %}
    {{ end() }}
    {% endfor %}
    {% if invoice_line and sales_line %}
    {{ when('customer_invoice') }}
    union all
    select was.role, was.party_id
    from {{ sales_line }} as was
    semi join (
        select line.order_line_id
        from {{ invoice_line }} as line
        semi join {{ changed_record('customer_invoice') }} as changed on changed.id = line.invoice_id
        where line.role = 'customer'
    ) as invoiced on invoiced.order_line_id = was.line_id
    where was.document_type = 'order'
    {{ end() }}
    {% endif %}

    -- all, when the company's currency or settings changed
    {{ when('everything') }}
    {% for document_type in ['order', 'quote'] %}
    union all
    select 'customer' as role, document.customer_id as party_id
    from {{ ref('stg_' ~ document_type) }} as document
    cross join {{ one_if_changed(['everything']) }} as everything
    {% endfor %}
    {% if sales_document %}
    union all
    select was.role, was.party_id
    from {{ sales_document }} as was
    cross join {{ one_if_changed(['everything']) }} as everything
    {% endif %}
    {{ end() }}
)

select distinct
    role,
    party_id
from touched
where party_id is not null
