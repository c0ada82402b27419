{{ config(meta={'when': ['touched_document']}) }}

-- Parties' years whose turnover must be made anew: a touched document stands in them, or stood there at the last build.
select role, party_id, year from {{ ref('held_year') }}
union
{{ years_of_touched('document', ref('invoice'), ['role', 'invoice_id'], 'invoice_date') }}
