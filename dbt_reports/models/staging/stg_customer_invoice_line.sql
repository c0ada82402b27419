{{ stage_customer_invoice_line(source('raw', 'customer_invoice_item')) }}
