-- What each reminder of an invoice says about its collection.
select
    "ID" as reminder_id,
    nullif("CustomerInvoiceID", 0) as invoice_id,
    "ReminderNumber" as reminder_number,
    "RemindedDate" as reminded_date,
    case
        when "StatusCode" in (42106, 42107) then 'collection'
        when "StatusCode" in (42102, 42103, 42104, 42108) then 'reminded'
        else 'none'
    end as reminder_state
from {{ source('raw', 'customer_invoice_reminder') }}
where not coalesce("Deleted", false)
