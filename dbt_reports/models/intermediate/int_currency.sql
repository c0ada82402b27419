{{ config(materialized='ephemeral') }}

-- Every currency's code, and under the id 0 the company's own, for documents that name none.
select
    currency_id,
    code
from {{ ref('stg_currency') }}

union all

select
    0 as currency_id,
    currency.code
from {{ ref('stg_company_settings') }} as settings
join {{ ref('stg_currency') }} as currency on currency.currency_id = settings.base_currency_id
