{{ config(materialized='ephemeral') }}

-- The sub-ledger account of each party; `sign` turns the ledger's sign into the reports' (supplier = ledger × −1).
select
    account_id as sub_account_id,
    case when customer_id is not null then 'customer' else 'supplier' end as role,
    coalesce(customer_id, supplier_id) as party_id,
    case when customer_id is not null then 1 else -1 end as sign,
    name
from {{ ref('stg_account') }}
where customer_id is not null or supplier_id is not null
