{{ config(
    materialized='table',
    meta={'publish': {'key': ['check_name'], 'index': []}, 'checks': tie_out_checks()},
) }}

-- Every identity of the company's figures and whether it holds, with the first offending keys where it does not.
with known_check as (
    {% for name, finding in tie_out_checks().items() %}
    select '{{ name }}' as check_name, '{{ finding }}' as finding
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

offence as (
    {% for of in ['party', 'year', 'document', 'entry'] %}
    select
        check_name,
        role || ' ' || party_id || coalesce(' ' || key, '') || ': ' || expected || ' <> ' || actual as key
    from {{ ref(of ~ '_offence') }}

    union all

    {% endfor %}
    select
        check_name,
        'voucher_id=' || voucher_id || coalesce(' ' || voucher_number, '') || ': ' || expected || ' <> ' || actual
            as key
    from {{ ref('voucher_offence') }}
),

ranked as (
    select
        check_name,
        key,
        row_number() over (partition by check_name order by key) as place
    from offence
),

offended as (
    select
        check_name,
        count(*) as offence_count,
        string_agg(key, '; ' order by key) filter (where place <= 20) as offending_keys
    from ranked
    group by check_name
)

select
    known_check.check_name,
    offended.check_name is null as ok,
    cast(coalesce(offended.offence_count, 0) as bigint) as offence_count,
    offended.offending_keys,
    case when offended.check_name is not null then known_check.finding || ' (' || offended.offence_count || ')' end
        as finding
from known_check
left join offended using (check_name)
