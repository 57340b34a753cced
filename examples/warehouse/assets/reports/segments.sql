-- How many customers each segment has, and what they spent.
-- columns: segment text not null, customers bigint not null, spent decimal(18, 2) not null
select segment, count(*) as customers, sum(spent) as spent
from customers.segments
group by segment
order by spent desc
