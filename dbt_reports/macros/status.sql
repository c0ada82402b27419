{# The vendor's status codes, each with its name in snake case. Only staging models call this. #}
{% macro status_names(entity) -%}
    {%- set names = {
        'party': {
            10001: 'draft', 20001: 'pending', 30001: 'active', 40001: 'completed', 50001: 'inactive', 60001: 'deviation',
            70001: 'error', 90001: 'deleted',
        },
        'quote': {
            40101: 'draft', 40102: 'registered', 40103: 'shipped_to_customer', 40104: 'customer_accepted',
            40105: 'transferred_to_order', 40106: 'transferred_to_invoice', 40107: 'completed',
        },
        'order': {
            41001: 'draft', 41002: 'registered', 41003: 'partly_transferred_to_invoice',
            41004: 'transferred_to_invoice', 41005: 'completed',
        },
        'order_line': {41101: 'draft', 41102: 'registered', 41103: 'transferred_to_invoice', 41104: 'completed'},
        'customer_invoice': {
            42001: 'draft', 42002: 'invoiced', 42003: 'partly_paid', 42004: 'paid', 42005: 'sold', 42006: 'credited',
            42007: 'partly_credited', 42008: 'waiting_for_offer', 42009: 'offer_accepted', 42010: 'offer_received',
            42011: 'offer_request_rejected',
        },
        'supplier_invoice': {
            30101: 'draft', 30102: 'for_approval', 30103: 'approved', 30104: 'journaled', 30108: 'rejected',
            40001: 'archived', 90001: 'deleted',
        },
        'supplier_payment': {
            30109: 'unpaid', 30110: 'transferred_to_bank', 30111: 'partly_paid', 30112: 'paid', 30113: 'in_payment_list',
        },
        'project': {
            42201: 'registered', 42202: 'offer_phase', 42203: 'in_progress', 42204: 'completed', 42205: 'discarded',
        },
        'budget': {47001: 'draft', 47002: 'active'},
        'journal_line': {31001: 'open', 31002: 'partly_marked', 31003: 'marked', 31004: 'credited'},
    } -%}
    {{ return(names[entity]) }}
{%- endmacro %}

{# The status of a column as snake case of the vendor's name; null for a code that the vendor does not document. #}
{% macro status_name(entity, column='"StatusCode"') -%}
    case {{ column }}
        {%- for code, name in status_names(entity).items() %}
        when {{ code }} then '{{ name }}'
        {%- endfor %}
    end
{%- endmacro %}
