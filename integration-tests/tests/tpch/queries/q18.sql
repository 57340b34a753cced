-- TPC-H 18: orders of a large quantity.
-- columns: c_name text, c_custkey bigint, o_orderkey bigint, o_orderdate date, o_totalprice decimal(15, 2), quantity decimal(20, 2)
-- parameter: quantity = 250
select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) as quantity
from customer, orders, lineitem
where o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > $quantity)
  and c_custkey = o_custkey
  and o_orderkey = l_orderkey
group by c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
order by o_totalprice desc, o_orderdate, o_orderkey
limit 100
