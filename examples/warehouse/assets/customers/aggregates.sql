-- What each customer ordered: how often, for how much, when last.
-- columns: customer bigint not null, nation text not null, orders bigint not null
-- columns: spent decimal(15, 2) not null, first_order date, last_order date
select
  c.c_custkey as customer,
  n.n_name as nation,
  count(o.o_orderkey) as orders,
  coalesce(sum(o.o_totalprice), 0) as spent,
  min(o.o_orderdate) as first_order,
  max(o.o_orderdate) as last_order
from raw.customer c
join raw.nation n on n.n_nationkey = c.c_nationkey
left join raw.orders o on o.o_custkey = c.c_custkey
group by c.c_custkey, n.n_name
order by customer
