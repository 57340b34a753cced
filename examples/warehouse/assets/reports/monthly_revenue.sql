-- What was shipped in a month, by the way it was shipped.
-- partitions: monthly from 1996-01-01 to 1997-01-01
-- columns: ship_mode text not null, lines bigint not null, revenue decimal(18, 4) not null
select
  l_shipmode as ship_mode,
  count(*) as lines,
  sum(l_extendedprice * (1 - l_discount)) as revenue
from raw.lineitem
where l_shipdate >= cast($date as date) and l_shipdate < cast($date as date) + interval '1' month
group by l_shipmode
order by ship_mode
