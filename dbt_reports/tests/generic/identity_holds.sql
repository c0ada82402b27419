{# An identity of the figures holds for the whole company. Returns what it does not hold for, the first twenty. #}
{% test identity_holds(model, check_name) %}
select
    check_name,
    finding,
    unnest(string_split(offending_keys, '; ')) as offending_key
from {{ model }}
where check_name = '{{ check_name }}' and not ok
{% endtest %}
