-- TPC-H 1: what was shipped, by flag and status.
-- columns: l_returnflag text not null, l_linestatus text not null, sum_qty decimal(20, 2), sum_base_price decimal(20, 2)
-- columns: sum_disc_price decimal(24, 4), sum_charge decimal(28, 6), avg_qty double, avg_price double, avg_disc double, count_order bigint
select
  l_returnflag,
  l_linestatus,
  sum(l_quantity) as sum_qty,
  sum(l_extendedprice) as sum_base_price,
  sum(l_extendedprice * (1 - l_discount)) as sum_disc_price,
  sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) as sum_charge,
  sum(l_quantity) * 1e0 / count(*) as avg_qty,
  sum(l_extendedprice) * 1e0 / count(*) as avg_price,
  sum(l_discount) * 1e0 / count(*) as avg_disc,
  count(*) as count_order
from lineitem
where l_shipdate <= date '1998-09-02'
group by l_returnflag, l_linestatus
order by l_returnflag, l_linestatus
