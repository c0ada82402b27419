{{ config(materialized='ephemeral') }}

-- Invoices and credit notes of both roles, one shape. Those without a party belong to no report.
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
    from {{ ref('stg_customer_invoice') }}
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
)

select * from customer_document
union all
select * from supplier_document
