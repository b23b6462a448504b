select
    currency_code,
    charge_type,
    is_service_revenue,
    sum(net_amount) as net_amount,
    sum(tax_amount) as tax_amount
from marts.fct_revenue
where posted_month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
group by currency_code, charge_type, is_service_revenue
order by currency_code, net_amount desc
