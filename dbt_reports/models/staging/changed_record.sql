{{ config(materialized='table', schema='reports_state') }}

-- What must be looked at again, in our own terms: the changed records, and the records that show something of them (an
-- invoice shows its products' names, an order what was invoiced of it). Soft-deleted rows are followed as well.
{% set seen_link = previous('reports_state', 'seen_link') %}
with record as (
    {% for table, record in [
        ('customer', 'customer'), ('supplier', 'supplier'), ('account', 'account'), ('project', 'project'),
        ('journal_entry_line', 'journal_line'), ('post_post', 'matching'), ('customer_invoice', 'customer_invoice'),
        ('supplier_invoice', 'supplier_invoice'), ('customer_order', 'order'), ('customer_quote', 'quote'),
        ('file', 'file'), ('company_settings', 'everything'), ('currency_code', 'everything'),
        ('account_group', 'chart'), ('period', 'chart'), ('department', 'chart'), ('budget', 'budget'),
        ('budget_entry', 'budget_entry'),
    ] %}
    select '{{ record }}' as record, id from {{ changed(table) }}
    union all
    {% endfor %}

    select 'ledger_account' as record, account."ID" as id
    from {{ source('raw', 'account') }} as account
    semi join {{ changed('account') }} as changed on changed.id = account."ID"
    where nullif(account."CustomerID", 0) is null and nullif(account."SupplierID", 0) is null
    union all

    -- a name, a credit term or a seller that a party shows
    {% for role in ['customer', 'supplier'] %}
    select '{{ role }}' as record, party."ID" as id
    from {{ source('raw', role) }} as party
    semi join {{ changed('business_relation') }} as changed on changed.id = party."BusinessRelationID"
    union all
    {% endfor %}
    select 'customer' as record, party."ID" as id
    from {{ source('raw', 'customer') }} as party
    semi join {{ changed('terms') }} as changed on changed.id = party."PaymentTermsID"
    union all
    select 'customer' as record, party."ID" as id
    from {{ source('raw', 'customer') }} as party
    semi join {{ changed('seller') }} as changed on changed.id = party."DefaultSellerID"

    -- a dimension by which a budget is shown
    union all
    select 'budget_entry' as record, entry."ID" as id
    from {{ source('raw', 'budget_entry') }} as entry
    semi join {{ changed('dimensions') }} as changed on changed.id = entry."DimensionsID"

    -- a seller, a dimension or a product that a document shows
    {% for head, item, parent, record in [
        ('customer_invoice', 'customer_invoice_item', 'CustomerInvoiceID', 'customer_invoice'),
        ('customer_order', 'customer_order_item', 'CustomerOrderID', 'order'),
        ('customer_quote', 'customer_quote_item', 'CustomerQuoteID', 'quote'),
        ('supplier_invoice', 'supplier_invoice_item', 'SupplierInvoiceID', 'supplier_invoice'),
    ] %}
    {%- if head != 'supplier_invoice' %}
    union all
    select '{{ record }}' as record, head."ID" as id
    from {{ source('raw', head) }} as head
    semi join {{ changed('seller') }} as changed on changed.id = head."DefaultSellerID"
    {%- endif %}
    union all
    select '{{ record }}' as record, head."ID" as id
    from {{ source('raw', head) }} as head
    semi join {{ changed('dimensions') }} as changed on changed.id = head."DefaultDimensionsID"
    union all
    select '{{ record }}' as record, item."{{ parent }}" as id
    from {{ source('raw', item) }} as item
    semi join {{ changed('dimensions') }} as changed on changed.id = item."DimensionsID"
    union all
    select '{{ record }}' as record, item."{{ parent }}" as id
    from {{ source('raw', item) }} as item
    semi join {{ changed('product') }} as changed on changed.id = item."ProductID"
    {% endfor %}

    -- reminders and sellers' shares of an invoice
    union all
    select 'customer_invoice' as record, reminder."CustomerInvoiceID" as id
    from {{ source('raw', 'customer_invoice_reminder') }} as reminder
    semi join {{ changed('customer_invoice_reminder') }} as changed on changed.id = reminder."ID"
    union all
    select 'customer_invoice' as record, share."CustomerInvoiceID" as id
    from {{ source('raw', 'seller_link') }} as share
    semi join {{ changed('seller_link') }} as changed on changed.id = share."ID"
    union all
    select 'customer_invoice' as record, share."CustomerInvoiceID" as id
    from {{ source('raw', 'seller_link') }} as share
    semi join {{ changed('seller') }} as changed on changed.id = share."SellerID"

    {% if seen_link %}
    union all
    select 'customer_invoice' as record, was.invoice_id as id
    from {{ seen_link }} as was
    semi join {{ ref('changed_row') }} as changed on changed.table_name = was.table_name and changed.id = was.id
    {% endif %}

    -- what is invoiced of an order, the orders that an invoice names, and the invoice that a credit note takes back
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
    union all
    select 'customer_invoice' as record, item."CustomerInvoiceID" as id
    from {{ source('raw', 'customer_invoice_item') }} as item
    semi join (
        select order_item."ID" as id
        from {{ source('raw', 'customer_order_item') }} as order_item
        semi join {{ changed('customer_order') }} as changed on changed.id = order_item."CustomerOrderID"
    ) as ordered on ordered.id = item."OrderItemId"

    -- what is posted on a dimension
    union all
    select 'journal_line' as record, line."ID" as id
    from {{ source('raw', 'journal_entry_line') }} as line
    semi join {{ changed('dimensions') }} as changed on changed.id = line."DimensionsID"
)

select distinct
    record,
    id
from record
where id is not null
