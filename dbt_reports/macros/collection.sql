{# The states of collection in order of gravity. #}
{% macro collection_states() -%}
    {{ return(['none', 'reminded', 'collection', 'factoring', 'third_party']) }}
{%- endmacro %}

{% macro collection_rank(expression) -%}
    case {{ expression }}
        {%- for state in collection_states() %} when '{{ state }}' then {{ loop.index0 }}{% endfor %} else 0 end
{%- endmacro %}

{% macro collection_state(rank) -%}
    case {{ rank }}
        {%- for state in collection_states() %} when {{ loop.index0 }} then '{{ state }}'{% endfor %} else 'none' end
{%- endmacro %}
