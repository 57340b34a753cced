-- TPC-H 10: the twenty customers who returned the most.
-- columns: c_custkey bigint not null, c_name text, revenue decimal(24, 4), c_acctbal decimal(15, 2), n_name text, c_address text, c_phone text
select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal, n_name, c_address, c_phone
from customer, orders, lineitem, nation
where c_custkey = o_custkey
  and l_orderkey = o_orderkey
  and o_orderdate >= date '1993-10-01'
  and o_orderdate < date '1994-01-01'
  and l_returnflag = 'R'
  and c_nationkey = n_nationkey
group by c_custkey, c_name, c_acctbal, c_phone, n_name, c_address
order by revenue desc, c_custkey
limit 20
