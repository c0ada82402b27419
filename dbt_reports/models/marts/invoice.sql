{{ config(meta={
    'publish': {'key': ['role', 'party_id', 'invoice_id'], 'index': [['role', 'invoice_id']]},
    'scope': {'touched': 'document', 'columns': ['role', 'invoice_id'], 'rebuilt': 'party'},
}) }}

with customer_document as (
    select
        'customer' as role,
        customer_id as party_id,
        invoice_id,
        number,
        is_credit_note,
        sign,
        credited_invoice_id,
        invoice_date,
        due_date,
        net_amount,
        vat_amount,
        gross_amount,
        rounding_amount,
        remaining_amount,
        net_amount_currency,
        vat_amount_currency,
        gross_amount_currency,
        remaining_amount_currency,
        currency_id,
        status_code,
        status,
        cast(null as varchar) as payment_status,
        collector_state,
        requisition,
        our_reference,
        your_reference,
        payment_reference,
        seller_id,
        dimensions_id,
        voucher_id
    from {{ staged('customer_invoice') }}
    where customer_id is not null
),

supplier_document as (
    select
        'supplier' as role,
        supplier_id as party_id,
        invoice_id,
        number,
        is_credit_note,
        sign,
        credited_invoice_id,
        invoice_date,
        due_date,
        net_amount,
        vat_amount,
        gross_amount,
        rounding_amount,
        remaining_amount,
        net_amount_currency,
        vat_amount_currency,
        gross_amount_currency,
        remaining_amount_currency,
        currency_id,
        status_code,
        status,
        payment_status,
        'none' as collector_state,
        requisition,
        our_reference,
        your_reference,
        payment_reference,
        cast(null as bigint) as seller_id,
        dimensions_id,
        voucher_id
    from {{ ref('stg_supplier_invoice') }}
    where supplier_id is not null
),

every_document as (
    select * from customer_document
    union all
    select * from supplier_document
),

document as (
    select document.*
    from every_document as document
    {{ only_touched('document', {'role': 'document.role', 'invoice_id': 'document.invoice_id'}) }}
    {{ in_order_of('document.invoice_date') }}
),

-- One that is registered and not sent yet, or failed, takes nothing from what was sent before it.
latest_reminder as (
    select
        invoice_id,
        reminder_number,
        reminded_date,
        reminder_state
    from {{ ref('stg_reminder') }}
    where invoice_id is not null and reminder_state <> 'none'
    qualify row_number() over (
        partition by invoice_id order by coalesce(reminder_number, 0) desc, reminder_id desc
    ) = 1
),

invoiced_order as (
    select distinct
        line.invoice_id,
        "order".order_id,
        "order".number
    from {{ staged('customer_invoice_line') }} as line
    join {{ ref('stg_order_line') }} as order_line on order_line.line_id = line.order_line_id
    join {{ ref('stg_order') }} as "order" on "order".order_id = order_line.order_id
    semi join document on document.role = 'customer' and document.invoice_id = line.invoice_id
),

order_numbers as (
    select
        invoice_id,
        string_agg(number, ', ' order by order_id) as order_number
    from invoiced_order
    group by invoice_id
)

select
    document.role,
    document.party_id,
    document.invoice_id,
    document.number,
    case when document.is_credit_note then 'credit_note' else 'invoice' end as kind,
    document.invoice_date,
    document.due_date,
    cast(document.net_amount as decimal(19, 2)) as net_amount,
    cast(document.vat_amount as decimal(19, 2)) as vat_amount,
    cast(document.gross_amount as decimal(19, 2)) as gross_amount,
    cast(document.remaining_amount as decimal(19, 2)) as remaining_amount,
    coalesce(currency.code, own_currency.code) as currency,
    cast(document.net_amount_currency as decimal(19, 2)) as net_amount_currency,
    cast(document.vat_amount_currency as decimal(19, 2)) as vat_amount_currency,
    cast(document.gross_amount_currency as decimal(19, 2)) as gross_amount_currency,
    cast(document.remaining_amount_currency as decimal(19, 2)) as remaining_amount_currency,
    document.status,
    document.status_code,
    document.payment_status,
    {{ collection_state('greatest(' ~ collection_rank('document.collector_state') ~ ', '
                        ~ collection_rank('latest_reminder.reminder_state') ~ ')') }} as collection_state,
    latest_reminder.reminder_number as reminder_count,
    latest_reminder.reminded_date,
    order_numbers.order_number,
    document.requisition,
    document.our_reference,
    document.your_reference,
    document.payment_reference,
    document.seller_id,
    seller.name as seller,
    dimension.project_id,
    document.voucher_id,
    document.credited_invoice_id
from document
left join latest_reminder on document.role = 'customer' and latest_reminder.invoice_id = document.invoice_id
left join order_numbers on document.role = 'customer' and order_numbers.invoice_id = document.invoice_id
left join {{ ref('stg_seller') }} as seller on seller.seller_id = document.seller_id
left join {{ ref('stg_dimension') }} as dimension on dimension.dimensions_id = document.dimensions_id
left join {{ ref('int_currency') }} as currency on currency.currency_id = document.currency_id
left join {{ ref('int_currency') }} as own_currency on own_currency.currency_id = 0
-- depends_on: {{ ref('held_budget') }}, {{ ref('held_project_invoice') }}, {{ ref('held_turnover_product') }},
-- {{ ref('held_year') }}
