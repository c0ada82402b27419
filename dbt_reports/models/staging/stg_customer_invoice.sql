-- Invoices and credit notes that are more than drafts. A credit note is negative, whatever sign the ERP keeps it with.
{{ stage_customer_invoice(source('raw', 'customer_invoice')) }}
