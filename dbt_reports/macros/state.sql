{# What a build is told, written before its first model runs: the company, the day that counts as today, and a number
   that grows from build to build (microseconds). Also the budget register, which may never have been filled. #}
{% macro open_state() -%}
    {%- set today = modules.datetime.datetime.now(modules.pytz.timezone('Europe/Oslo')).date() -%}
    {%- set as_of = var('as_of') or (today | string) -%}
    {%- set database = adapter.quote(target.database) -%}
    {%- set build = var('build') or '(epoch_us(now()))' -%}
    create schema if not exists {{ database }}.reports_state;
    create schema if not exists {{ database }}.budget_register;
    create table if not exists {{ database }}.budget_register.customer_budget (
        customer_number varchar, year integer, period integer, amount decimal(19, 2)
    );
    create table if not exists {{ database }}.reports_state.this_build (company varchar, as_of date, build bigint, project varchar);
    delete from {{ database }}.reports_state.this_build;
    insert into {{ database }}.reports_state.this_build values (
        '{{ var("company") }}', cast('{{ as_of }}' as date), {{ build }}, '{{ var("project") }}'
    );
{%- endmacro %}

{# A model's table as the last build left it, or none. Used where a new build must know what the old one held; a full refresh
   need not, and the old one may have been another version's, with other columns. #}
{% macro previous(schema, name) -%}
    {%- if flags.FULL_REFRESH %}{{ return(none) }}{% endif -%}
    {{ return(adapter.get_relation(database=target.database, schema=schema, identifier=name)) }}
{%- endmacro %}

{# Raw tables with rows of their own stamp; their children come and go with them. #}
{% macro watched_tables() -%}
    {{ return([
        'company_settings', 'currency_code', 'terms', 'account_group', 'period', 'department', 'business_relation',
        'customer', 'supplier', 'project', 'dimensions', 'seller', 'seller_link', 'account', 'product',
        'customer_quote', 'customer_order', 'customer_invoice', 'customer_invoice_reminder', 'supplier_invoice',
        'journal_entry_line', 'post_post', 'budget', 'budget_entry', 'file',
    ]) }}
{%- endmacro %}

{# Everything that must stand before a build counts as finished. #}
{% macro finished_models() -%}
    {{ return([
        'party', 'open_item', 'statement_line', 'matching', 'invoice', 'invoice_line', 'turnover_month',
        'turnover_product', 'turnover_seller', 'sales_document', 'sales_line', 'order_product', 'order_requisition',
        'project', 'project_line', 'budget_actual', 'voucher_line', 'document_file', 'tie_out', 'rebuilt_party',
        'rebuilt_sales', 'rebuilt_voucher', 'rebuilt_project', 'rebuilt_budget', 'rebuilt_file', 'seen_link',
    ]) }}
{%- endmacro %}
