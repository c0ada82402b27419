{{ config(materialized='ephemeral') }}

-- Accounts with their class, the first digit of the Norwegian chart: 1–2 balance, 3 income, 4–8 cost.
select
    account.account_id,
    account.number,
    account.name,
    left(coalesce(top_group.group_number, account_group.group_number, account.number), 1) as class
from {{ ref('stg_account') }} as account
left join {{ ref('stg_account_group') }} as top_group on top_group.account_group_id = account.top_account_group_id
left join {{ ref('stg_account_group') }} as account_group
    on account_group.account_group_id = account.account_group_id
