{# The identities that the figures of a company are checked against, with what is found when one does not hold. #}
{% macro tie_out_checks() -%}
    {{ return({
        'open_items_equal_ledger': 'open items do not add up to the ledger balance',
        'aging_equals_balance': 'aging buckets and unallocated do not add up to the balance',
        'statement_equals_ledger': 'opening balance and movements do not add up to the closing balance',
        'open_as_of_equals_open_items': 'original amount less matchings is not what remains',
        'ledger_party_is_known': 'lines are posted on a party that is not in the register',
        'voucher_sums_to_zero': 'the voucher does not sum to 0.00',
        'invoice_equals_lines': 'the invoice total is not the sum of its lines and rounding',
        'invoiced_by_month': 'invoiced by month is not what is invoiced in all',
        'invoiced_by_product': 'invoiced by product is not what is invoiced in all',
        'invoiced_by_seller': 'invoiced by seller is not what is invoiced in all',
    }) }}
{%- endmacro %}
