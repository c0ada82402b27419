{{ config(materialized='ephemeral') }}

-- Customers and suppliers under one roof, with the name that the ERP keeps on their business relation.
{{ parties() }}
