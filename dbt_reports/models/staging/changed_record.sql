{{ config(materialized='table', schema='reports_state') }}

-- What must be looked at again, in our own terms: the changed records, and the records that show something of them (an
-- invoice shows its products' names, an order what was invoiced of it). Soft-deleted rows are followed as well.
{% set seen_link = previous('reports_state', 'seen_link') %}
with record as (
    select
        cast(null as varchar) as record,
        cast(null as bigint) as id
    {% for table, record in [
        ('customer', 'customer'), ('supplier', 'supplier'), ('account', 'account'), ('project', 'project'),
        ('journal_entry_line', 'journal_line'), ('post_post', 'matching'), ('customer_invoice', 'customer_invoice'),
        ('supplier_invoice', 'supplier_invoice'), ('customer_order', 'order'), ('customer_quote', 'quote'),
        ('file', 'file'), ('company_settings', 'everything'), ('currency_code', 'everything'),
        ('account_group', 'chart'), ('period', 'chart'), ('department', 'chart'), ('budget', 'budget'),
        ('budget_entry', 'budget_entry'),
    ] %}
    {{ when('raw.' ~ table) }}
    union all
    select '{{ record }}' as record, id from {{ changed(table) }}
    {{ end() }}
    {% endfor %}

    {{ when('raw.account') }}
    union all
    select 'ledger_account' as record, account."ID" as id
    from {{ source('raw', 'account') }} as account
    semi join {{ changed('account') }} as changed on changed.id = account."ID"
    where nullif(account."CustomerID", 0) is null and nullif(account."SupplierID", 0) is null
    {{ end() }}

    -- what a record shows: record, its table and key, and the column that names a row of another table
    {% for record, table, key, column, shown in [
        ('customer', 'customer', 'ID', 'BusinessRelationID', 'business_relation'),
        ('supplier', 'supplier', 'ID', 'BusinessRelationID', 'business_relation'),
        ('customer', 'customer', 'ID', 'PaymentTermsID', 'terms'),
        ('customer', 'customer', 'ID', 'DefaultSellerID', 'seller'),
        ('budget_entry', 'budget_entry', 'ID', 'DimensionsID', 'dimensions'),
        ('journal_line', 'journal_entry_line', 'ID', 'DimensionsID', 'dimensions'),
        ('customer_invoice', 'customer_invoice', 'ID', 'DefaultSellerID', 'seller'),
        ('customer_invoice', 'customer_invoice', 'ID', 'DefaultDimensionsID', 'dimensions'),
        ('customer_invoice', 'customer_invoice_item', 'CustomerInvoiceID', 'DimensionsID', 'dimensions'),
        ('customer_invoice', 'customer_invoice_item', 'CustomerInvoiceID', 'ProductID', 'product'),
        ('customer_invoice', 'customer_invoice_reminder', 'CustomerInvoiceID', 'ID', 'customer_invoice_reminder'),
        ('customer_invoice', 'seller_link', 'CustomerInvoiceID', 'ID', 'seller_link'),
        ('customer_invoice', 'seller_link', 'CustomerInvoiceID', 'SellerID', 'seller'),
        ('order', 'customer_order', 'ID', 'DefaultSellerID', 'seller'),
        ('order', 'customer_order', 'ID', 'DefaultDimensionsID', 'dimensions'),
        ('order', 'customer_order_item', 'CustomerOrderID', 'DimensionsID', 'dimensions'),
        ('order', 'customer_order_item', 'CustomerOrderID', 'ProductID', 'product'),
        ('quote', 'customer_quote', 'ID', 'DefaultSellerID', 'seller'),
        ('quote', 'customer_quote', 'ID', 'DefaultDimensionsID', 'dimensions'),
        ('quote', 'customer_quote_item', 'CustomerQuoteID', 'DimensionsID', 'dimensions'),
        ('quote', 'customer_quote_item', 'CustomerQuoteID', 'ProductID', 'product'),
        ('supplier_invoice', 'supplier_invoice', 'ID', 'DefaultDimensionsID', 'dimensions'),
        ('supplier_invoice', 'supplier_invoice_item', 'SupplierInvoiceID', 'DimensionsID', 'dimensions'),
        ('supplier_invoice', 'supplier_invoice_item', 'SupplierInvoiceID', 'ProductID', 'product'),
    ] %}
    {{ when('raw.' ~ shown) }}
    union all
    select '{{ record }}' as record, showing."{{ key }}" as id
    from {{ source('raw', table) }} as showing
    semi join {{ changed(shown) }} as changed on changed.id = showing."{{ column }}"
    {{ end() }}
    {% endfor %}

    {% if seen_link %}
    {{ when(['raw.customer_invoice_reminder', 'raw.seller_link']) }}
    union all
    select 'customer_invoice' as record, was.invoice_id as id
    from {{ seen_link }} as was
    semi join {{ ref('changed_row') }} as changed on changed.table_name = was.table_name and changed.id = was.id
    {{ end() }}
    {% endif %}

    -- what is invoiced of an order, the orders that an invoice names, and the invoice that a credit note takes back
    {{ when('raw.customer_invoice') }}
    union all
    select 'order' as record, order_item."CustomerOrderID" as id
    from {{ source('raw', 'customer_order_item') }} as order_item
    semi join (
        select item."OrderItemId" as order_item_id
        from {{ source('raw', 'customer_invoice_item') }} as item
        semi join {{ changed('customer_invoice') }} as changed on changed.id = item."CustomerInvoiceID"
    ) as invoiced on invoiced.order_item_id = order_item."ID"
    union all
    select 'order' as record, order_item."CustomerOrderID" as id
    from {{ source('raw', 'customer_order_item') }} as order_item
    semi join (
        select item."OrderItemId" as order_item_id
        from {{ source('raw', 'customer_invoice_item') }} as item
        semi join (
            select credit_note."ID" as id
            from {{ source('raw', 'customer_invoice') }} as credit_note
            semi join {{ changed('customer_invoice') }} as changed on changed.id = credit_note."InvoiceReferenceID"
        ) as taken_back on taken_back.id = item."CustomerInvoiceID"
    ) as invoiced on invoiced.order_item_id = order_item."ID"
    {{ end() }}
    {{ when('raw.customer_order') }}
    union all
    select 'customer_invoice' as record, item."CustomerInvoiceID" as id
    from {{ source('raw', 'customer_invoice_item') }} as item
    semi join (
        select order_item."ID" as id
        from {{ source('raw', 'customer_order_item') }} as order_item
        semi join {{ changed('customer_order') }} as changed on changed.id = order_item."CustomerOrderID"
    ) as ordered on ordered.id = item."OrderItemId"
    {{ end() }}
)

select distinct
    record,
    id
from record
where id is not null
