{{ config(meta={
    'publish': {
        'key': ['role', 'party_id', 'document_type', 'requisition'],
        'index': [],
    },
    'scope': {'touched': 'sales', 'columns': ['role', 'party_id']},
}) }}

-- What a party has on quotes and orders under each requisition number; those without one stand together under null.
select
    document.role,
    document.party_id,
    document.document_type,
    nullif(trim(document.requisition), '') as requisition,
    count(*) as document_count,
    min(document.order_date) as first_order_date,
    max(document.order_date) as last_order_date,
    cast(sum(document.net_amount) as decimal(19, 2)) as net_amount,
    cast(sum(document.gross_amount) as decimal(19, 2)) as gross_amount,
    cast(sum(document.remaining_net_amount) as decimal(19, 2)) as remaining_net_amount
from {{ ref('sales_document') }} as document
{{ only_touched('sales', {'role': 'document.role', 'party_id': 'document.party_id'}) }}
group by document.role, document.party_id, document.document_type, nullif(trim(document.requisition), '')
