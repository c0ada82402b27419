{{ config(meta={
    'publish': {'key': ['file_id', 'owner_type', 'owner_id'], 'index': [['owner_type', 'owner_id'], ['file_id']]},
    'scope': {'touched': 'file', 'columns': ['file_id']},
}) }}

select
    link.owner_type,
    link.owner_id,
    link.file_id,
    link.name,
    link.content_type,
    link.size,
    link.storage_reference,
    link.created_at,
    bool_or(link.is_attachment) as is_attachment
from {{ ref('stg_file_link') }} as link
{{ only_touched('file', {'file_id': 'link.file_id'}) }}
group by all
