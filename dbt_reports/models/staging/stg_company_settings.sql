-- One row at most: the company's own currency.
select
    nullif("BaseCurrencyCodeID", 0) as base_currency_id
from {{ source('raw', 'company_settings') }}
where not coalesce("Deleted", false)
order by "ID"
limit 1
