-- rows that are asked about at no instant
select count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") is null then 1 end) as n0
from "shop"."trips" as t;

-- trips, values that are read before they are known
select count(case when true and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled")) then 1 end) as n0,
  count(case when true then 1 end) as r0,
  count(case when true and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled")) then 1 end) as n1,
  count(case when true then 1 end) as r1,
  count(case when true and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled")) then 1 end) as n2,
  count(case when true then 1 end) as r2,
  count(case when true and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled")) then 1 end) as n3,
  count(case when true then 1 end) as r3,
  count(case when true and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled")) then 1 end) as n4,
  count(case when true then 1 end) as r4,
  count(case when t."line" is not null and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled")) then 1 end) as n5,
  count(case when t."line" is not null then 1 end) as r5,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived")) then 1 end) as n6,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null then 1 end) as r6,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived")) then 1 end) as n7,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null then 1 end) as r7,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived")) then 1 end) as n8,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null then 1 end) as r8,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived")) then 1 end) as n9,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null then 1 end) as r9,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived")) then 1 end) as n10,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null then 1 end) as r10,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") is not null and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled")) then 1 end) as n11,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") is not null then 1 end) as r11,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and t."late" is not null and (datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is null or datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived")) then 1 end) as n12,
  count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and t."late" is not null then 1 end) as r12
from "shop"."trips" as t;

-- trips.scheduled, how long before they happen plans are known
select min(l.lead) as lead, max(q.reach) as reach, count(q.reach) as asked, count(case when q.reach > l.lead then 1 end) as early
from (
select datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") + 3600000000 - datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") as reach
from "shop"."trips" as t
) as q
cross join (
select case when count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") is not null and t."line" is not null and datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null then 1 end) > 0 then cast(-9223372036854775808 as bigint) else coalesce(min(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") is not null and t."line" is not null and datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > cast(-9223372036854775808 as bigint) then datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") - datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") end), cast(9223372036854775807 as bigint)) end as lead
from "shop"."trips" as t
) as l;

-- trips.scheduled, how long before they happen plans are known
select min(l.lead) as lead, max(q.reach) as reach, count(q.reach) as asked, count(case when q.reach > l.lead then 1 end) as early
from (
select datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") + 3600000000 - datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") as reach
from "shop"."trips" as t
) as q
cross join (
select case when count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") is not null and t."line" is not null and datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") is null then 1 end) > 0 then cast(-9223372036854775808 as bigint) else coalesce(min(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") is not null and t."line" is not null and datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") > cast(-9223372036854775808 as bigint) then datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") - datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") end), cast(9223372036854775807 as bigint)) end as lead
from "shop"."trips" as t
) as l;

-- trips, labels that are known when their row is asked about
select count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and t."late" is not null then 1 end) as told, count(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and t."late" is not null and datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") > datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") then 1 end) as ahead
from "shop"."trips" as t;

-- trips, whether sums are exact
select case when sum(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and not (t."line" is null) then abs(cast(t."delay" as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b0,
  max(abs(nullif(t."fare", cast('NaN' as double precision)))) as g1,
  count(case when not (abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992) then 1 end) as u1,
  case when sum(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and not (t."line" is null) and abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then abs(cast(cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b1,
  case when sum(case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null and not (t."line" is null) then abs(cast(cast(cast(t."late" as int) as bigint) as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b2
from "shop"."trips" as t;

-- the frame
with asked as (
select row_number() over (order by t."id") as r,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") as q0,
  case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") <= datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") then collate(cast(t."line" as varchar(65535)), 'case_sensitive') end as k0,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") - 10800000000 as q1,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") - 86400000000 as q2,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") - 21600000000 as q3,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") + 3600000000 as q4,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") - 3600000000 as q5,
  case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") <= datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") then cast(t."seats" as bigint) end as "c0",
  case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") <= datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") then datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") end as "c1",
  case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") <= datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") then (datediff(day, date '1970-01-01', t."day") * 86400000000) end as "c2",
  case when datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."published") <= datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") then collate(cast(t."line" as varchar(65535)), 'case_sensitive') end as "c3",
  t."id" as i0,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") as l0,
  t."late" as l1
from "shop"."trips" as t
),
s0_rows as (
select collate(cast(t."line" as varchar(65535)), 'case_sensitive') as k0,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") as h,
  t."id" as o0,
  t."delay" as xv0,
  cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) as xv1,
  cast(cast(t."late" as int) as bigint) as xv2,
  t."delay" as w0
from "shop"."trips" as t
where collate(cast(t."line" as varchar(65535)), 'case_sensitive') is not null and datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."arrived") is not null
),
s0_steps as (
select k0, h, n, v0, v0_n, v1, v1_n, v2, v2_n, w0
from (
select k0,
  h,
  row_number() over (partition by k0 order by h, o0) as n,
  lead(h) over (partition by k0 order by h, o0) as u,
  sum(xv0) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v0,
  count(xv0) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v0_n,
  sum(xv1) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v1,
  count(xv1) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v1_n,
  sum(xv2) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v2,
  count(xv2) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v2_n,
  w0
from s0_rows
) as s
where u is null or u <> h
),
s0_walk as (
select r, max(case when e = 0 then n end) as n0, max(case when e = 1 then n end) as n1, max(case when e = 2 then n end) as n2
from (
select r, e, max(n) over (partition by k0 order by h, e rows between unbounded preceding and current row) as n
from (
select k0, h, n, -1 as e, cast(null as bigint) as r
from s0_steps
union all
select k0, q0, null, 0, r
from asked
where k0 is not null and q0 is not null
union all
select k0, q1, null, 1, r
from asked
where k0 is not null and q1 is not null
union all
select k0, q2, null, 2, r
from asked
where k0 is not null and q2 is not null
) as w
) as w
where e >= 0
group by r
),
s0 as (
select q.r as r,
  case when q.k0 is not null and q.q0 is not null and q.q1 is not null then cast(coalesce(e0.n, 0) - coalesce(e1.n, 0) as bigint) end as "s0_0",
  case when q.k0 is not null and q.q0 is not null and q.q1 is not null then cast(coalesce(e0.v0, 0) - coalesce(e1.v0, 0) as bigint) end as "s0_1",
  case when cast(coalesce(e0.v1_n, 0) - coalesce(e2.v1_n, 0) as bigint) > 0 then cast(cast(coalesce(e0.v1, 0) - coalesce(e2.v1, 0) as bigint) as double precision) / (cast(cast(coalesce(e0.v1_n, 0) - coalesce(e2.v1_n, 0) as bigint) as double precision) * 1000000.0) end as "s0_2",
  case when cast(coalesce(e0.v2_n, 0) - coalesce(e2.v2_n, 0) as bigint) > 0 then cast(cast(coalesce(e0.v2, 0) - coalesce(e2.v2, 0) as bigint) as double precision) / cast(cast(coalesce(e0.v2_n, 0) - coalesce(e2.v2_n, 0) as bigint) as double precision) end as "s0_3",
  case when e0.h > q.q3 then e0.w0 end as "s0_4",
  q.q0 - e0.h as "s0_5"
from asked as q
left join s0_walk as p on p.r = q.r
left join s0_steps as e0 on e0.k0 = q.k0 and e0.n = p.n0
left join s0_steps as e1 on e1.k0 = q.k0 and e1.n = p.n1
left join s0_steps as e2 on e2.k0 = q.k0 and e2.n = p.n2
),
s1_rows as (
select collate(cast(t."line" as varchar(65535)), 'case_sensitive') as k0,
  datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") as h,
  t."id" as o0
from "shop"."trips" as t
where collate(cast(t."line" as varchar(65535)), 'case_sensitive') is not null and datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', t."scheduled") is not null
),
s1_steps as (
select k0, h, n
from (
select k0,
  h,
  row_number() over (partition by k0 order by h, o0) as n,
  lead(h) over (partition by k0 order by h, o0) as u
from s1_rows
) as s
where u is null or u <> h
),
s1_walk as (
select r, max(case when e = 0 then n end) as n0, max(case when e = 1 then n end) as n1
from (
select r, e, max(n) over (partition by k0 order by h, e rows between unbounded preceding and current row) as n
from (
select k0, h, n, -1 as e, cast(null as bigint) as r
from s1_steps
union all
select k0, q4, null, 0, r
from asked
where k0 is not null and q4 is not null
union all
select k0, q5, null, 1, r
from asked
where k0 is not null and q5 is not null
) as w
) as w
where e >= 0
group by r
),
s1 as (
select q.r as r,
  case when q.k0 is not null and q.q4 is not null and q.q5 is not null then cast(coalesce(e0.n, 0) - coalesce(e1.n, 0) as bigint) end as "s1_0"
from asked as q
left join s1_walk as p on p.r = q.r
left join s1_steps as e0 on e0.k0 = q.k0 and e0.n = p.n0
left join s1_steps as e1 on e1.k0 = q.k0 and e1.n = p.n1
)
select
  t.i0 as "id",
  (timestamptz '1970-01-01 00:00:00+00' + t.q0 * interval '1 microsecond') as "_at",
  t."s0_0" as "recent_n",
  t."s0_1" as "recent_delay",
  nullif(t."s0_2", cast('NaN' as double precision)) as "recent_fare",
  nullif(t."s0_3", cast('NaN' as double precision)) as "recent_late",
  t."s0_4" as "recent_latest",
  nullif((cast(t."s0_5" as double precision) / nullif(60000000.0, 0)), cast('NaN' as double precision)) as "recent_age",
  t."s1_0" as "recent_next",
  ((t."c0" / 4 - case when t."c0" % 4 < 0 then 1 else 0 end) % 3 + case when (t."c0" / 4 - case when t."c0" % 4 < 0 then 1 else 0 end) % 3 < 0 then 3 else 0 end) as "own_seats",
  (t."c1" - t."c2") as "own_wait",
  (coalesce(collate(cast(t."c3" as varchar(65535)), 'case_sensitive') = 'it''s \ 7
', collate(cast(t."c3" as varchar(65535)), 'case_sensitive') is null and 'it''s \ 7
' is null)) as "own_same",
  ((t."c0" in (1, 2)) or (collate(cast(t."c3" as varchar(65535)), 'case_sensitive') is null)) as "own_some",
  case when t.l0 > t.q0 then t.l1 end as "_label",
  (timestamptz '1970-01-01 00:00:00+00' + t.l0 * interval '1 microsecond') as "_label_known_at"
from (
select q.*, s0.s0_0, s0.s0_1, s0.s0_2, s0.s0_3, s0.s0_4, s0.s0_5, s1.s1_0
from asked as q
left join s0 on s0.r = q.r
left join s1 on s1.r = q.r
) as t
order by t.r;
