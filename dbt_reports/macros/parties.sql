{# Customers and suppliers under one roof, with the name that the ERP keeps on their business relation. `of_customers` and
   `of_suppliers` limit them before their names are looked up. #}
{% macro parties(of_customers='', of_suppliers='') -%}
with customer as (
    select
        'customer' as role,
        customer.customer_id as party_id,
        customer.number,
        customer.business_relation_id,
        customer.org_number,
        coalesce(customer.credit_days, terms.credit_days) as credit_days,
        customer.currency_id,
        customer.seller_id,
        customer.status_code,
        customer.status
    from {{ ref('stg_customer') }} as customer
    {{ of_customers }}
    left join {{ ref('stg_terms') }} as terms on terms.terms_id = customer.payment_terms_id
),

supplier as (
    select
        'supplier' as role,
        supplier.supplier_id as party_id,
        supplier.number,
        supplier.business_relation_id,
        supplier.org_number,
        supplier.credit_days,
        supplier.currency_id,
        cast(null as bigint) as seller_id,
        supplier.status_code,
        supplier.status
    from {{ ref('stg_supplier') }} as supplier
    {{ of_suppliers }}
),

party as (
    select * from customer
    union all
    select * from supplier
)

select
    party.*,
    business_relation.name
from party
left join {{ ref('stg_business_relation') }} as business_relation using (business_relation_id)
{%- endmacro %}
