-- Reminders and sellers' shares that changed.
select
    table_name,
    id
from {{ ref('changed_row') }}
where table_name in ('seller_link', 'customer_invoice_reminder')
