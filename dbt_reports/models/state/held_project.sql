-- Projects that the touched vouchers, documents and parties had figures on at the last build.
{% set voucher_line = previous('reports', 'voucher_line') %}
{% set sales_line = previous('reports', 'sales_line') %}
{% set invoice_line = previous('reports', 'invoice_line') %}
{% set invoice = previous('reports', 'invoice') %}
with touched_voucher as (
    select voucher_id from {{ ref('touched_voucher') }}
),

touched_party as (
    select role, party_id from {{ ref('touched_party') }}
),

held as (
    select cast(null as bigint) as project_id
    {% if voucher_line %}
    union all
    select was.project_id
    from {{ voucher_line }} as was
    semi join touched_voucher on touched_voucher.voucher_id = was.voucher_id
    {% endif %}
    {% if sales_line %}
    union all
    select was.project_id
    from {{ sales_line }} as was
    semi join touched_party on touched_party.role = was.role and touched_party.party_id = was.party_id
    {% endif %}
    {% for table in [invoice_line, invoice] if table %}
    union all
    select was.project_id
    from {{ table }} as was
    semi join {{ ref('touched_document') }} as touched
        on touched.role = was.role and touched.invoice_id = was.invoice_id
    {% endfor %}
)

select distinct project_id
from held
where project_id is not null
-- depends_on: {{ ref('touched_document') }}
