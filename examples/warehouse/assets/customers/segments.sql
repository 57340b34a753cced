-- Customers by what they spent and whether they still order.
-- parameter: high_value = 2000000
-- parameter: active_since = '1998-01-01'
-- columns: customer bigint not null, segment text not null, spent decimal(15, 2) not null
select
  customer,
  case
    when orders = 0 then 'never ordered'
    when last_order < cast($active_since as date) then 'lapsed'
    when spent >= $high_value then 'high value'
    else 'regular'
  end as segment,
  spent
from customers.aggregates
order by customer
