{{ config(meta={'when': ['touched_document']}) }}

-- Parties' years in which the touched documents stood at the last build.
{{ years_of_touched('document', previous('reports', 'invoice'), ['role', 'invoice_id'], 'invoice_date') }}
