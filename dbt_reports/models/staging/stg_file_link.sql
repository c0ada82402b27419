-- One row per record that a stored file hangs on; the owner's type in snake case of the ERP's entity name.
select
    link."ID" as file_link_id,
    file."ID" as file_id,
    lower(regexp_replace(link."EntityType", '([a-z0-9])([A-Z])', '\1_\2', 'g')) as owner_type,
    link."EntityID" as owner_id,
    file."Name" as name,
    file."ContentType" as content_type,
    file."Size" as size,
    file."StorageReference" as storage_reference,
    file."CreatedAt" as created_at,
    coalesce(link."IsAttachment", false) as is_attachment
from {{ source('raw', 'file_entity_link') }} as link
join {{ source('raw', 'file') }} as file on file."ID" = link."FileID"
where
    not coalesce(link."Deleted", false)
    and not coalesce(file."Deleted", false)
    and link."EntityType" is not null
    and nullif(link."EntityID", 0) is not null
