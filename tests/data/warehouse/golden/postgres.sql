-- rows that are asked about at no instant
select count(case when cast(extract(epoch from t."scheduled") * 1000000 as bigint) is null then 1 end) as n0
from "shop"."trips" as t;

-- trips, values that are read before they are known
select count(case when true and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."scheduled") * 1000000 as bigint)) then 1 end) as n0,
  count(case when true then 1 end) as r0,
  count(case when true and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."scheduled") * 1000000 as bigint)) then 1 end) as n1,
  count(case when true then 1 end) as r1,
  count(case when true and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."scheduled") * 1000000 as bigint)) then 1 end) as n2,
  count(case when true then 1 end) as r2,
  count(case when true and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."scheduled") * 1000000 as bigint)) then 1 end) as n3,
  count(case when true then 1 end) as r3,
  count(case when true and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."scheduled") * 1000000 as bigint)) then 1 end) as n4,
  count(case when true then 1 end) as r4,
  count(case when t."line" is not null and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."scheduled") * 1000000 as bigint)) then 1 end) as n5,
  count(case when t."line" is not null then 1 end) as r5,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and (cast(extract(epoch from t."arrived") * 1000000 as bigint) is null or cast(extract(epoch from t."arrived") * 1000000 as bigint) > cast(extract(epoch from t."arrived") * 1000000 as bigint)) then 1 end) as n6,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null then 1 end) as r6,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."arrived") * 1000000 as bigint)) then 1 end) as n7,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null then 1 end) as r7,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and (cast(extract(epoch from t."arrived") * 1000000 as bigint) is null or cast(extract(epoch from t."arrived") * 1000000 as bigint) > cast(extract(epoch from t."arrived") * 1000000 as bigint)) then 1 end) as n8,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null then 1 end) as r8,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and (cast(extract(epoch from t."arrived") * 1000000 as bigint) is null or cast(extract(epoch from t."arrived") * 1000000 as bigint) > cast(extract(epoch from t."arrived") * 1000000 as bigint)) then 1 end) as n9,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null then 1 end) as r9,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and (cast(extract(epoch from t."arrived") * 1000000 as bigint) is null or cast(extract(epoch from t."arrived") * 1000000 as bigint) > cast(extract(epoch from t."arrived") * 1000000 as bigint)) then 1 end) as n10,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null then 1 end) as r10,
  count(case when cast(extract(epoch from t."scheduled") * 1000000 as bigint) is not null and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."scheduled") * 1000000 as bigint)) then 1 end) as n11,
  count(case when cast(extract(epoch from t."scheduled") * 1000000 as bigint) is not null then 1 end) as r11,
  count(case when cast(extract(epoch from t."published") * 1000000 as bigint) is not null and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."published") * 1000000 as bigint)) then 1 end) as n12,
  count(case when cast(extract(epoch from t."published") * 1000000 as bigint) is not null then 1 end) as r12,
  count(case when cast(extract(epoch from t."published") * 1000000 as bigint) is not null and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."published") * 1000000 as bigint)) then 1 end) as n13,
  count(case when cast(extract(epoch from t."published") * 1000000 as bigint) is not null then 1 end) as r13,
  count(case when cast(extract(epoch from t."published") * 1000000 as bigint) is not null and (cast(extract(epoch from t."published") * 1000000 as bigint) is null or cast(extract(epoch from t."published") * 1000000 as bigint) > cast(extract(epoch from t."published") * 1000000 as bigint)) then 1 end) as n14,
  count(case when cast(extract(epoch from t."published") * 1000000 as bigint) is not null then 1 end) as r14,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and (cast(extract(epoch from t."arrived") * 1000000 as bigint) is null or cast(extract(epoch from t."arrived") * 1000000 as bigint) > cast(extract(epoch from t."arrived") * 1000000 as bigint)) then 1 end) as n15,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null then 1 end) as r15,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and t."late" is not null and (cast(extract(epoch from t."arrived") * 1000000 as bigint) is null or cast(extract(epoch from t."arrived") * 1000000 as bigint) > cast(extract(epoch from t."arrived") * 1000000 as bigint)) then 1 end) as n16,
  count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and t."late" is not null then 1 end) as r16
from "shop"."trips" as t;

-- trips.scheduled, how long before they happen plans are known
select min(l.lead) as lead, max(q.reach) as reach, count(q.reach) as asked, count(case when q.reach > l.lead then 1 end) as early
from (
select cast(extract(epoch from t."scheduled") * 1000000 as bigint) + 3600000000 - cast(extract(epoch from t."scheduled") * 1000000 as bigint) as reach
from "shop"."trips" as t
) as q
cross join (
select case when count(case when cast(extract(epoch from t."scheduled") * 1000000 as bigint) is not null and t."line" is not null and cast(extract(epoch from t."published") * 1000000 as bigint) is null then 1 end) > 0 then cast(-9223372036854775808 as bigint) else coalesce(min(case when cast(extract(epoch from t."scheduled") * 1000000 as bigint) is not null and t."line" is not null and cast(extract(epoch from t."published") * 1000000 as bigint) > cast(-9223372036854775808 as bigint) then cast(extract(epoch from t."scheduled") * 1000000 as bigint) - cast(extract(epoch from t."published") * 1000000 as bigint) end), cast(9223372036854775807 as bigint)) end as lead
from "shop"."trips" as t
) as l;

-- trips.scheduled, how long before they happen plans are known
select min(l.lead) as lead, max(q.reach) as reach, count(q.reach) as asked, count(case when q.reach > l.lead then 1 end) as early
from (
select cast(extract(epoch from t."scheduled") * 1000000 as bigint) + 3600000000 - cast(extract(epoch from t."scheduled") * 1000000 as bigint) as reach
from "shop"."trips" as t
) as q
cross join (
select case when count(case when cast(extract(epoch from t."scheduled") * 1000000 as bigint) is not null and t."line" is not null and cast(extract(epoch from t."published") * 1000000 as bigint) is null then 1 end) > 0 then cast(-9223372036854775808 as bigint) else coalesce(min(case when cast(extract(epoch from t."scheduled") * 1000000 as bigint) is not null and t."line" is not null and cast(extract(epoch from t."published") * 1000000 as bigint) > cast(-9223372036854775808 as bigint) then cast(extract(epoch from t."scheduled") * 1000000 as bigint) - cast(extract(epoch from t."published") * 1000000 as bigint) end), cast(9223372036854775807 as bigint)) end as lead
from "shop"."trips" as t
) as l;

-- trips, labels that are known when their row is asked about
select count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and t."late" is not null then 1 end) as told, count(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and t."late" is not null and cast(extract(epoch from t."arrived") * 1000000 as bigint) > cast(extract(epoch from t."scheduled") * 1000000 as bigint) then 1 end) as ahead
from "shop"."trips" as t;

-- trips, whether sums are exact
select case when sum(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and not (t."line" is null) then abs(cast(t."delay" as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b0,
  max(abs(nullif(t."fare", cast('NaN' as double precision)))) as g1,
  count(case when not (abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992) then 1 end) as u1,
  case when sum(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and not (t."line" is null) and abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then abs(cast(cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b1,
  case when sum(case when cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and not (t."line" is null) then abs(cast(cast(cast(t."late" as int) as bigint) as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b2,
  max(abs(nullif(t."fare", cast('NaN' as double precision)))) as g3,
  count(case when not (abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992) then 1 end) as u3,
  case when count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) >= 2147483648 or cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) as numeric) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric)), 0) >= cast('9223372036854775808' as numeric) then 1 when (cast('39614081257132168796771975168' as numeric) - cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) as numeric) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric)), 0) * cast('4294967296' as numeric) - 2 * cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) as numeric) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end % 4294967296) as numeric)), 0)) >= cast('19807040628566084398385987584' as numeric) then 0 when (cast('39614081257132168796771975168' as numeric) - cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) as numeric) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric)), 0) * cast('4294967296' as numeric) - 2 * cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) as numeric) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end % 4294967296) as numeric)), 0)) <= 0 then 1 when (cast('39614081257132168796771975168' as numeric) - cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) as numeric) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric)), 0) * cast('4294967296' as numeric) - 2 * cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) as numeric) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end / 4294967296) as numeric) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end % 4294967296) as numeric)), 0)) * cast('4294967296' as numeric) > cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end) as numeric) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end % 4294967296) as numeric) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) end % 4294967296) as numeric)), 0) then 0 else 1 end as b3,
  count(case when t."delay" > 9007199254 or t."delay" < -9007199254 then 1 end) as u4,
  case when count(*) >= 2147483648 or sum(abs(cast(case when t."delay" between -9007199254 and 9007199254 then t."delay" * 1000000 end as numeric(38, 0)))) >= 2305843009213693952 then 1 else 0 end as b4
from "shop"."trips" as t;

-- the frame
with asked as materialized (
select row_number() over (order by t."id") as r,
  cast(extract(epoch from t."scheduled") * 1000000 as bigint) as q0,
  case when cast(extract(epoch from t."published") * 1000000 as bigint) <= cast(extract(epoch from t."scheduled") * 1000000 as bigint) then (cast(t."line" as text) collate "C") end as k0,
  cast(extract(epoch from t."scheduled") * 1000000 as bigint) - 10800000000 as q1,
  cast(extract(epoch from t."scheduled") * 1000000 as bigint) - 86400000000 as q2,
  cast(extract(epoch from t."scheduled") * 1000000 as bigint) - 21600000000 as q3,
  cast(extract(epoch from t."scheduled") * 1000000 as bigint) + 3600000000 as q4,
  cast(extract(epoch from t."scheduled") * 1000000 as bigint) - 3600000000 as q5,
  ((cast(extract(epoch from t."scheduled") * 1000000 as bigint) / 21600000000 - case when cast(extract(epoch from t."scheduled") * 1000000 as bigint) % 21600000000 < 0 then 1 else 0 end) - 63) * 21600000000 - 1 as q6,
  case when cast(extract(epoch from t."published") * 1000000 as bigint) <= cast(extract(epoch from t."scheduled") * 1000000 as bigint) then cast(t."seats" as bigint) end as "c0",
  case when cast(extract(epoch from t."published") * 1000000 as bigint) <= cast(extract(epoch from t."scheduled") * 1000000 as bigint) then cast(extract(epoch from t."scheduled") * 1000000 as bigint) end as "c1",
  case when cast(extract(epoch from t."published") * 1000000 as bigint) <= cast(extract(epoch from t."scheduled") * 1000000 as bigint) then (cast(t."day" - date '1970-01-01' as bigint) * 86400000000) end as "c2",
  case when cast(extract(epoch from t."published") * 1000000 as bigint) <= cast(extract(epoch from t."scheduled") * 1000000 as bigint) then (cast(t."line" as text) collate "C") end as "c3",
  t."id" as i0,
  cast(extract(epoch from t."arrived") * 1000000 as bigint) as l0,
  t."late" as l1
from "shop"."trips" as t
),
sizes as (
select i, size
from (
select 0 as i, 1 as size
union all
select 1 as i, 2 as size
union all
select 2 as i, 4 as size
union all
select 3 as i, 8 as size
union all
select 4 as i, 16 as size
union all
select 5 as i, 32 as size
union all
select 6 as i, 64 as size
union all
select 7 as i, 128 as size
union all
select 8 as i, 256 as size
union all
select 9 as i, 512 as size
union all
select 10 as i, 1024 as size
union all
select 11 as i, 2048 as size
union all
select 12 as i, 4096 as size
union all
select 13 as i, 8192 as size
union all
select 14 as i, 16384 as size
union all
select 15 as i, 32768 as size
union all
select 16 as i, 65536 as size
union all
select 17 as i, 131072 as size
union all
select 18 as i, 262144 as size
union all
select 19 as i, 524288 as size
union all
select 20 as i, 1048576 as size
union all
select 21 as i, 2097152 as size
union all
select 22 as i, 4194304 as size
union all
select 23 as i, 8388608 as size
union all
select 24 as i, 16777216 as size
union all
select 25 as i, 33554432 as size
union all
select 26 as i, 67108864 as size
union all
select 27 as i, 134217728 as size
union all
select 28 as i, 268435456 as size
union all
select 29 as i, 536870912 as size
union all
select 30 as i, 1073741824 as size
union all
select 31 as i, 2147483648 as size
union all
select 32 as i, 4294967296 as size
union all
select 33 as i, 8589934592 as size
union all
select 34 as i, 17179869184 as size
union all
select 35 as i, 34359738368 as size
union all
select 36 as i, 68719476736 as size
union all
select 37 as i, 137438953472 as size
union all
select 38 as i, 274877906944 as size
union all
select 39 as i, 549755813888 as size
) as w
where size <= (select count(*) from asked)
),
fading0 as (
select r,
  z4 as odd,
  z3 as place,
  (array[cast('9223372036854775808' as numeric), cast('4611686018427387904' as numeric), cast('2305843009213693952' as numeric), cast('1152921504606846976' as numeric), cast('576460752303423488' as numeric), cast('288230376151711744' as numeric), cast('144115188075855872' as numeric), cast('72057594037927936' as numeric), cast('36028797018963968' as numeric), cast('18014398509481984' as numeric), cast('9007199254740992' as numeric), cast('4503599627370496' as numeric), cast('2251799813685248' as numeric), cast('1125899906842624' as numeric), cast('562949953421312' as numeric), cast('281474976710656' as numeric), cast('140737488355328' as numeric), cast('70368744177664' as numeric), cast('35184372088832' as numeric), cast('17592186044416' as numeric), cast('8796093022208' as numeric), cast('4398046511104' as numeric), cast('2199023255552' as numeric), cast('1099511627776' as numeric), cast('549755813888' as numeric), cast('274877906944' as numeric), cast('137438953472' as numeric), cast('68719476736' as numeric), cast('34359738368' as numeric), cast('17179869184' as numeric), cast('8589934592' as numeric), cast('4294967296' as numeric), cast('2147483648' as numeric), cast('1073741824' as numeric), cast('536870912' as numeric), cast('268435456' as numeric), cast('134217728' as numeric), cast('67108864' as numeric), cast('33554432' as numeric), cast('16777216' as numeric), cast('8388608' as numeric), cast('4194304' as numeric), cast('2097152' as numeric), cast('1048576' as numeric), cast('524288' as numeric), cast('262144' as numeric), cast('131072' as numeric), cast('65536' as numeric), cast('32768' as numeric), cast('16384' as numeric), cast('8192' as numeric), cast('4096' as numeric), cast('2048' as numeric), cast('1024' as numeric), cast('512' as numeric), cast('256' as numeric), cast('128' as numeric), cast('64' as numeric), cast('32' as numeric), cast('16' as numeric), cast('8' as numeric), cast('4' as numeric), cast('2' as numeric), cast('1' as numeric)])[z3 + 1] as up,
  (array[cast('604462909807314587353088' as numeric), cast('302231454903657293676544' as numeric), cast('151115727451828646838272' as numeric), cast('75557863725914323419136' as numeric), cast('37778931862957161709568' as numeric), cast('18889465931478580854784' as numeric), cast('9444732965739290427392' as numeric), cast('4722366482869645213696' as numeric), cast('2361183241434822606848' as numeric), cast('1180591620717411303424' as numeric), cast('590295810358705651712' as numeric), cast('295147905179352825856' as numeric), cast('147573952589676412928' as numeric), cast('73786976294838206464' as numeric), cast('36893488147419103232' as numeric), cast('18446744073709551616' as numeric), cast('9223372036854775808' as numeric), cast('4611686018427387904' as numeric), cast('2305843009213693952' as numeric), cast('1152921504606846976' as numeric), cast('576460752303423488' as numeric), cast('288230376151711744' as numeric), cast('144115188075855872' as numeric), cast('72057594037927936' as numeric), cast('36028797018963968' as numeric), cast('18014398509481984' as numeric), cast('9007199254740992' as numeric), cast('4503599627370496' as numeric), cast('2251799813685248' as numeric), cast('1125899906842624' as numeric), cast('562949953421312' as numeric), cast('281474976710656' as numeric), cast('140737488355328' as numeric), cast('70368744177664' as numeric), cast('35184372088832' as numeric), cast('17592186044416' as numeric), cast('8796093022208' as numeric), cast('4398046511104' as numeric), cast('2199023255552' as numeric), cast('1099511627776' as numeric), cast('549755813888' as numeric), cast('274877906944' as numeric), cast('137438953472' as numeric), cast('68719476736' as numeric), cast('34359738368' as numeric), cast('17179869184' as numeric), cast('8589934592' as numeric), cast('4294967296' as numeric), cast('2147483648' as numeric), cast('1073741824' as numeric), cast('536870912' as numeric), cast('268435456' as numeric), cast('134217728' as numeric), cast('67108864' as numeric), cast('33554432' as numeric), cast('16777216' as numeric), cast('8388608' as numeric), cast('4194304' as numeric), cast('2097152' as numeric), cast('1048576' as numeric), cast('524288' as numeric), cast('262144' as numeric), cast('131072' as numeric), cast('65536' as numeric)])[z3 + 1] as high,
  (array[cast('549755813888' as numeric), cast('274877906944' as numeric), cast('137438953472' as numeric), cast('68719476736' as numeric), cast('34359738368' as numeric), cast('17179869184' as numeric), cast('8589934592' as numeric), cast('4294967296' as numeric), cast('2147483648' as numeric), cast('1073741824' as numeric), cast('536870912' as numeric), cast('268435456' as numeric), cast('134217728' as numeric), cast('67108864' as numeric), cast('33554432' as numeric), cast('16777216' as numeric), cast('8388608' as numeric), cast('4194304' as numeric), cast('2097152' as numeric), cast('1048576' as numeric), cast('524288' as numeric), cast('262144' as numeric), cast('131072' as numeric), cast('65536' as numeric), cast('32768' as numeric), cast('16384' as numeric), cast('8192' as numeric), cast('4096' as numeric), cast('2048' as numeric), cast('1024' as numeric), cast('512' as numeric), cast('256' as numeric), cast('128' as numeric), cast('64' as numeric), cast('32' as numeric), cast('16' as numeric), cast('8' as numeric), cast('4' as numeric), cast('2' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric), cast('1' as numeric)])[z3 + 1] as middle,
  (array[2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 4194304, 8388608, 16777216, 33554432, 67108864, 134217728, 268435456, 536870912, 1073741824, 2147483648, 4294967296, 8589934592, 17179869184, 34359738368, 68719476736, 137438953472, 274877906944, 549755813888, 1099511627776, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 4194304, 8388608, 16777216])[z3 + 1] as low,
  z10 as weight
from (
select w.*,
  z9 + z9 * (z8 * (cast(1.0 as double precision) + z8 * (cast(0.5 as double precision) + z8 * (cast('0.16666666666666666' as double precision) + z8 * (cast('0.041666666666666664' as double precision) + z8 * (cast('0.008333333333333333' as double precision) + z8 * (cast('0.001388888888888889' as double precision)))))))) as z10
from (
select w.*,
  cast(z6 - z7 * 21600000000 as double precision) / cast(21600000000.0 as double precision) * cast('0.0054152123481245725' as double precision) as z8,
  (array[cast(1.0 as double precision), cast('1.0054299011128027' as double precision), cast('1.0108892860517005' as double precision), cast('1.016378314910953' as double precision), cast('1.0218971486541166' as double precision), cast('1.0274459491187637' as double precision), cast('1.0330248790212284' as double precision), cast('1.0386341019613787' as double precision), cast('1.0442737824274138' as double precision), cast('1.0499440858006872' as double precision), cast('1.0556451783605572' as double precision), cast('1.061377227289262' as double precision), cast('1.0671404006768237' as double precision), cast('1.0729348675259756' as double precision), cast('1.0787607977571199' as double precision), cast('1.0846183622133092' as double precision), cast('1.0905077326652577' as double precision), cast('1.0964290818163769' as double precision), cast('1.102382583307841' as double precision), cast('1.1083684117236787' as double precision), cast('1.1143867425958924' as double precision), cast('1.1204377524096067' as double precision), cast('1.1265216186082418' as double precision), cast('1.1326385195987192' as double precision), cast('1.1387886347566916' as double precision), cast('1.1449721444318042' as double precision), cast('1.1511892299529827' as double precision), cast('1.1574400736337511' as double precision), cast('1.1637248587775775' as double precision), cast('1.1700437696832502' as double precision), cast('1.1763969916502812' as double precision), cast('1.182784710984341' as double precision), cast('1.189207115002721' as double precision), cast('1.1956643920398273' as double precision), cast('1.202156731452703' as double precision), cast('1.2086843236265816' as double precision), cast('1.215247359980469' as double precision), cast('1.2218460329727576' as double precision), cast(1.22848053610687 as double precision), cast('1.2351510639369334' as double precision), cast('1.241857812073484' as double precision), cast('1.2486009771892048' as double precision), cast('1.255380757024691' as double precision), cast('1.2621973503942507' as double precision), cast('1.2690509571917332' as double precision), cast('1.275941778396392' as double precision), cast('1.2828700160787783' as double precision), cast('1.2898358734066657' as double precision), cast('1.2968395546510096' as double precision), cast('1.3038812651919358' as double precision), cast('1.3109612115247644' as double precision), cast('1.318079601266064' as double precision), cast('1.3252366431597413' as double precision), cast('1.3324325470831615' as double precision), cast('1.339667524053303' as double precision), cast('1.3469417862329458' as double precision), cast('1.3542555469368927' as double precision), cast('1.3616090206382248' as double precision), cast('1.3690024229745905' as double precision), cast('1.3764359707545302' as double precision), cast('1.383909881963832' as double precision), cast('1.3914243757719262' as double precision), cast('1.3989796725383112' as double precision), cast('1.4065759938190154' as double precision), cast('1.4142135623730951' as double precision), cast('1.4218926021691656' as double precision), cast(1.42961333839197 as double precision), cast('1.4373759974489824' as double precision), cast('1.4451808069770467' as double precision), cast('1.4530279958490526' as double precision), cast('1.460917794180647' as double precision), cast('1.4688504333369818' as double precision), cast('1.4768261459394993' as double precision), cast('1.4848451658727524' as double precision), cast('1.4929077282912648' as double precision), cast('1.5010140696264256' as double precision), cast('1.5091644275934228' as double precision), cast('1.5173590411982147' as double precision), cast('1.5255981507445384' as double precision), cast('1.533881997840956' as double precision), cast('1.5422108254079407' as double precision), cast(1.550584877685 as double precision), cast('1.559004400237837' as double precision), cast('1.567469639965553' as double precision), cast('1.5759808451078865' as double precision), cast('1.5845382652524937' as double precision), cast('1.593142151342267' as double precision), cast('1.6017927556826934' as double precision), cast('1.6104903319492543' as double precision), cast('1.6192351351948637' as double precision), cast('1.6280274218573478' as double precision), cast('1.6368674497669644' as double precision), cast('1.645755478153965' as double precision), cast('1.6546917676561943' as double precision), cast('1.6636765803267364' as double precision), cast('1.6727101796415966' as double precision), cast('1.681792830507429' as double precision), cast('1.6909247992693053' as double precision), cast('1.7001063537185235' as double precision), cast('1.709337763100463' as double precision), cast('1.718619298122478' as double precision), cast('1.7279512309618377' as double precision), cast('1.7373338352737062' as double precision), cast('1.746767386199169' as double precision), cast('1.7562521603732995' as double precision), cast('1.7657884359332727' as double precision), cast('1.7753764925265212' as double precision), cast('1.785016611318935' as double precision), cast('1.7947090750031072' as double precision), cast('1.804454167806624' as double precision), cast('1.8142521755003989' as double precision), cast('1.8241033854070534' as double precision), cast('1.8340080864093424' as double precision), cast('1.843966568958626' as double precision), cast('1.8539791250833855' as double precision), cast('1.864046048397789' as double precision), cast(1.8741676341103 as double precision), cast('1.8843441790323345' as double precision), cast('1.8945759815869656' as double precision), cast('1.9048633418176741' as double precision), cast('1.9152065613971474' as double precision), cast('1.925605943636125' as double precision), cast('1.9360617934922943' as double precision), cast('1.9465744175792332' as double precision), cast('1.9571441241754002' as double precision), cast('1.9677712232331759' as double precision), cast('1.978456026387951' as double precision), cast('1.9891988469672663' as double precision), cast(2.0 as double precision)])[z7 + 1] as z9
from (
select w.*,
  z6 / 21600000000 as z7
from (
select w.*,
  z1 - z2 * 64 as z3,
  z2 - (z2 / 2 - case when z2 % 2 < 0 then 1 else 0 end) * 2 as z4,
  z5 * 128 as z6
from (
select w.*,
  (z1 / 64 - case when z1 % 64 < 0 then 1 else 0 end) as z2,
  21600000000 - (z0 - z1 * 21600000000) as z5
from (
select w.*,
  (z0 / 21600000000 - case when z0 % 21600000000 < 0 then 1 else 0 end) as z1
from (
select r,
  q0 as z0
from asked
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
),
s0_rows as (
select w.*,
  x7 / 6 as x8
from (
select w.*,
  cast(x1 as numeric) * cast(x1 as numeric) as x3,
  case when x4 is not null then case when x4 < cast(15.0 as double precision) then case when x4 < cast(0.0 as double precision) then 0 else 1 end else case when x4 < cast(60.0 as double precision) then 2 else 3 end end end as x5,
  case when x6 is not null then case when x6 < cast(1.0 as double precision) then case when x6 < cast('-25.62890624999997' as double precision) then case when x6 < cast('-129.74633789062477' as double precision) then case when x6 < cast('-291.9292602539056' as double precision) then case when x6 < cast('-437.8938903808584' as double precision) then case when x6 < cast('-656.8408355712875' as double precision) then 0 else 1 end else 2 end else case when x6 < cast('-194.61950683593713' as double precision) then 3 else 4 end end else case when x6 < cast('-57.66503906249992' as double precision) then case when x6 < cast('-86.49755859374987' as double precision) then 5 else 6 end else case when x6 < cast('-38.44335937499995' as double precision) then 7 else 8 end end end else case when x6 < cast('-3.3749999999999982' as double precision) then case when x6 < cast('-7.593749999999994' as double precision) then case when x6 < cast('-11.39062499999999' as double precision) then case when x6 < cast('-17.085937499999982' as double precision) then 9 else 10 end else 11 end else case when x6 < cast('-5.0624999999999964' as double precision) then 12 else 13 end end else case when x6 < cast('-1.4999999999999996' as double precision) then case when x6 < cast('-2.249999999999999' as double precision) then 14 else 15 end else case when x6 < cast('-0.9999999999999999' as double precision) then 16 else 17 end end end end else case when x6 < cast('38.44335937499996' as double precision) then case when x6 < cast('7.593749999999995' as double precision) then case when x6 < cast('3.3749999999999987' as double precision) then case when x6 < cast('2.2499999999999996' as double precision) then case when x6 < cast('1.4999999999999998' as double precision) then 18 else 19 end else 20 end else case when x6 < cast('5.062499999999997' as double precision) then 21 else 22 end end else case when x6 < cast('17.085937499999986' as double precision) then case when x6 < cast('11.390624999999991' as double precision) then 23 else 24 end else case when x6 < cast('25.628906249999975' as double precision) then 25 else 26 end end end else case when x6 < cast('194.61950683593716' as double precision) then case when x6 < cast('86.49755859374989' as double precision) then case when x6 < cast('57.66503906249993' as double precision) then 27 else 28 end else case when x6 < cast('129.7463378906248' as double precision) then 29 else 30 end end else case when x6 < cast('437.89389038085847' as double precision) then case when x6 < cast('291.9292602539057' as double precision) then 31 else 32 end else case when x6 < cast('656.8408355712876' as double precision) then 33 else 34 end end end end end end as x7,
  x6 + 0.0 as x10
from (
select (cast(t."line" as text) collate "C") as k0,
  cast(extract(epoch from t."arrived") * 1000000 as bigint) as h,
  t."id" as o0,
  t."delay" as x0,
  cast((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) as bigint) as x1,
  cast(cast(t."late" as int) as bigint) as x2,
  cast(t."delay" as double precision) as x4,
  nullif(t."fare", cast('NaN' as double precision)) as x6,
  case when ((cast(t."note" as text) collate "C") = '\ 7') then 1 when ((cast(t."note" as text) collate "C") = 'it''s') then 0 end as x9
from "shop"."trips" as t
where (cast(t."line" as text) collate "C") is not null and cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null
offset 0
) as w
offset 0
) as w
),
s0_steps as (
select k0, h, n, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16
from (
select k0,
  h,
  row_number() over (partition by k0 order by h, o0) as n,
  lead(h) over (partition by k0 order by h, o0) as u,
  sum(x0) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v0,
  sum(x1) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v1,
  count(x1) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v2,
  sum(x2) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v3,
  count(x2) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v4,
  x0 as v5,
  sum(x3) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v6,
  count(x5) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v7,
  sum(case when x5 <= 0 then 1 else 0 end) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v8,
  sum(case when x5 <= 1 then 1 else 0 end) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v9,
  sum(case when x5 <= 2 then 1 else 0 end) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v10,
  count(x7) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v11,
  sum(case when x7 <= 5 then 1 else 0 end) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v12,
  sum(case when x7 <= 11 then 1 else 0 end) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v13,
  sum(case when x7 <= 17 then 1 else 0 end) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v14,
  sum(case when x7 <= 23 then 1 else 0 end) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v15,
  sum(case when x7 <= 29 then 1 else 0 end) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v16
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
s0_x9_spans as (
select k0, h, lead(h) over (partition by k0, x9 order by h) as u
from s0_rows
where x9 is not null
),
s0_x9 as (
select r, cast(d0 as bigint) as d0
from (
select r,
  sum(case when e = -1 then 1 when e = 0 then -1 else 0 end) over (partition by k0 order by h, e rows between unbounded preceding and current row) as d0
from (
select k0, h, -1 as e, cast(null as bigint) as r
from s0_x9_spans
union all
select k0, case when u <= h + 86400000000 then u else h + 86400000000 end, 0, null
from s0_x9_spans
union all
select k0, q0, 1, r
from asked
where k0 is not null and q0 is not null
) as w
) as w
where r is not null
),
s0_x9_86400000000_changes as (
select k0, b, h, cast(sum(d) as bigint) as d
from (
select k0, x9 as b, h, 1 as d
from s0_rows
where x9 is not null
union all
select k0, x9, h + 86400000000, -1
from s0_rows
where x9 is not null
) as w
group by k0, b, h
having sum(d) <> 0
),
s0_x9_86400000000_walk as (
select k0, b, h, d, r, count(r) over (order by k0, h, e rows between unbounded preceding and current row) as a
from (
select k0, b, h, d, 0 as e, cast(null as bigint) as r
from s0_x9_86400000000_changes
union all
select k0, null, q0, null, 1, r
from asked
where k0 is not null and q0 is not null
) as w
),
s0_x9_86400000000_runs as (
select m, a, z
from (
select cast(n * 4096 + 4095 - b as bigint) as m, a, coalesce(z, y) as z
from (
select b, r, a, sum(d) over (partition by k0, b order by h rows between unbounded preceding and current row) as n, lead(a) over (partition by k0, b order by h) as z, max(a) over (partition by k0) as y
from s0_x9_86400000000_walk
) as w
where r is null and n > 0
) as w
where a < z
),
s0_x9_86400000000_blocks as (
select k, m
from (
select k, m, row_number() over (partition by k order by m desc) as n
from (
select (case when s = 0 then f else p - 1 end) * 64 + i as k, m
from (
select i, m, s, (a + size - 1) / size as f, z / size as p
from s0_x9_86400000000_runs
cross join sizes
cross join (select 0 as s union all select 1) as sides
where size <= z - a
) as w
where f < p and (case when s = 0 then f else p end) % 2 = 1
) as w
) as w
where n <= 2
),
s0_x9_86400000000 as (
select r, max(case when n = 2 then m end) as m2
from (
select r, m, row_number() over (partition by r order by m desc) as n
from (
select q.r as r, k.m as m
from s0_x9_86400000000_walk as q
cross join sizes
join s0_x9_86400000000_blocks as k on k.k = ((q.a - 1) / size) * 64 + i
where q.r is not null
) as w
) as w
group by r
),
s0_reach as (
select *
from (
select r,
  min(x10) over (partition by k0 order by h range between 86399999999 preceding and current row) as m0,
  max(x0) over (partition by k0 order by h range between 10799999999 preceding and current row) as m1
from (
select k0, h, cast(null as bigint) as r, x10, x0
from s0_rows
union all
select k0, q0, r, null as x10, null as x0
from asked where k0 is not null
) as w
) as w
where r is not null
),
s0_found as (
select w.*,
  d15 - d17 as d19,
  d18 - d17 as d20,
  (array[cast(0.0 as double precision), cast(0.0 as double precision), cast(15.0 as double precision), cast(60.0 as double precision)])[d16 + 1] as d21,
  (array[cast(0.0 as double precision), cast(15.0 as double precision), cast(45.0 as double precision), cast(0.0 as double precision)])[d16 + 1] as d22,
  d29 - d31 as d33,
  d32 - d31 as d34
from (
select w.*,
  case when d3 > 1 then (case when abs(d9) < cast('9903520314283042199192993792' as numeric) then cast(d9 - (d9 % cast('1099511627776' as numeric)) as double precision) + cast((d9 % cast('1099511627776' as numeric)) as double precision) else cast(d9 - (d9 % cast('1208925819614629174706176' as numeric)) as double precision) + (cast((d9 % cast('1208925819614629174706176' as numeric)) - (d9 % cast('1099511627776' as numeric)) as double precision) + case when (d9 % cast('1099511627776' as numeric)) > 0 then cast(549755813888.0 as double precision) when (d9 % cast('1099511627776' as numeric)) < 0 then -cast(549755813888.0 as double precision) else cast(0.0 as double precision) end) end) / (cast(d3 * (d3 - 1) as double precision) * cast(1000000000000.0 as double precision)) end as d10,
  case when d12 > d15 then 0 when d13 > d15 then 1 when d14 > d15 then 2 else 3 end as d16,
  case when d14 <= d15 then d14 when d13 <= d15 then d13 when d12 <= d15 then d12 else 0 end as d17,
  case when d12 > d15 then d12 when d13 > d15 then d13 when d14 > d15 then d14 else d11 end as d18,
  case when d24 > d29 then 0 when d25 > d29 then 1 when d26 > d29 then 2 when d27 > d29 then 3 when d28 > d29 then 4 else 5 end as d30,
  case when d28 <= d29 then d28 when d27 <= d29 then d27 when d26 <= d29 then d26 when d25 <= d29 then d25 when d24 <= d29 then d24 else 0 end as d31,
  case when d24 > d29 then d24 when d25 > d29 then d25 when d26 > d29 then d26 when d27 > d29 then d27 when d28 > d29 then d28 else d23 end as d32
from (
select w.*,
  cast(d3 as numeric) * d8 - cast(d2 as numeric) * cast(d2 as numeric) as d9,
  (500000 * (d11 - 1)) / 1000000 as d15,
  (900000 * (d23 - 1)) / 1000000 as d29,
  4095 - d36 % 4096 as d37
from (
select q.*,
  cast(coalesce(e0.n, 0) - coalesce(e1.n, 0) as bigint) as d0,
  cast(coalesce(e0.v0, 0) - coalesce(e1.v0, 0) as bigint) as d1,
  cast(coalesce(e0.v1, 0) - coalesce(e2.v1, 0) as bigint) as d2,
  cast(coalesce(e0.v2, 0) - coalesce(e2.v2, 0) as bigint) as d3,
  cast(coalesce(e0.v3, 0) - coalesce(e2.v3, 0) as bigint) as d4,
  cast(coalesce(e0.v4, 0) - coalesce(e2.v4, 0) as bigint) as d5,
  e0.v5 as d6,
  e0.h as d7,
  cast(coalesce(e0.v6, 0) - coalesce(e2.v6, 0) as numeric) as d8,
  cast(coalesce(e0.v7, 0) - coalesce(e2.v7, 0) as bigint) as d11,
  cast(coalesce(e0.v8, 0) - coalesce(e2.v8, 0) as bigint) as d12,
  cast(coalesce(e0.v9, 0) - coalesce(e2.v9, 0) as bigint) as d13,
  cast(coalesce(e0.v10, 0) - coalesce(e2.v10, 0) as bigint) as d14,
  cast(coalesce(e0.v11, 0) - coalesce(e2.v11, 0) as bigint) as d23,
  cast(coalesce(e0.v12, 0) - coalesce(e2.v12, 0) as bigint) as d24,
  cast(coalesce(e0.v13, 0) - coalesce(e2.v13, 0) as bigint) as d25,
  cast(coalesce(e0.v14, 0) - coalesce(e2.v14, 0) as bigint) as d26,
  cast(coalesce(e0.v15, 0) - coalesce(e2.v15, 0) as bigint) as d27,
  cast(coalesce(e0.v16, 0) - coalesce(e2.v16, 0) as bigint) as d28,
  s0_x9.d0 as d35,
  s0_x9_86400000000.m2 as d36,
  s0_reach.m0 as d38,
  s0_reach.m1 as d39
from asked as q
left join s0_walk as ew on ew.r = q.r
left join s0_steps as e0 on e0.k0 = q.k0 and e0.n = ew.n0
left join s0_steps as e1 on e1.k0 = q.k0 and e1.n = ew.n1
left join s0_steps as e2 on e2.k0 = q.k0 and e2.n = ew.n2
left join s0_x9 on s0_x9.r = q.r
left join s0_x9_86400000000 on s0_x9_86400000000.r = q.r
left join s0_reach on s0_reach.r = q.r
offset 0
) as w
offset 0
) as w
offset 0
) as w
),
s0_x7_6_steps as (
select k0, x8, h, n, v0, v1, v2, v3, v4
from (
select k0,
  x8,
  h,
  row_number() over (partition by k0, x8 order by h, o0) as n,
  lead(h) over (partition by k0, x8 order by h, o0) as u,
  sum(case when x7 % 6 <= 0 then 1 else 0 end) over (partition by k0, x8 order by h, o0 rows between unbounded preceding and current row) as v0,
  sum(case when x7 % 6 <= 1 then 1 else 0 end) over (partition by k0, x8 order by h, o0 rows between unbounded preceding and current row) as v1,
  sum(case when x7 % 6 <= 2 then 1 else 0 end) over (partition by k0, x8 order by h, o0 rows between unbounded preceding and current row) as v2,
  sum(case when x7 % 6 <= 3 then 1 else 0 end) over (partition by k0, x8 order by h, o0 rows between unbounded preceding and current row) as v3,
  sum(case when x7 % 6 <= 4 then 1 else 0 end) over (partition by k0, x8 order by h, o0 rows between unbounded preceding and current row) as v4
from s0_rows
) as s
where u is null or u <> h
),
s0_x7_6_walk as (
select r, max(case when e = 0 then n end) as n0, max(case when e = 1 then n end) as n1
from (
select r, e, max(n) over (partition by k0, x8 order by h, e rows between unbounded preceding and current row) as n
from (
select k0, x8, h, n, -1 as e, cast(null as bigint) as r
from s0_x7_6_steps
union all
select k0, d30, q0, null, 0, r
from s0_found
where k0 is not null and d30 is not null and q0 is not null
union all
select k0, d30, q2, null, 1, r
from s0_found
where k0 is not null and d30 is not null and q2 is not null
) as w
) as w
where e >= 0
group by r
),
s0 as (
select r,
  case when k0 is not null and q0 is not null and q1 is not null then d0 end as "s0_0",
  case when k0 is not null and q0 is not null and q1 is not null then d1 end as "s0_1",
  case when d3 > 0 then cast(d2 as double precision) / (cast(d3 as double precision) * 1000000.0) end as "s0_2",
  case when d5 > 0 then cast(d4 as double precision) / cast(d5 as double precision) end as "s0_3",
  case when d7 > q3 then d6 end as "s0_4",
  q0 - d7 as "s0_5",
  sqrt(d10) as "s0_6",
  case when d11 > 0 then d21 + d22 * ((cast(d19 as double precision) + cast(0.5 as double precision)) / cast(d20 as double precision)) end as "s0_7",
  case when d23 > 0 then (array[cast('-788.2090026855449' as double precision), cast('-525.4726684570301' as double precision), cast('-350.31511230468675' as double precision), cast('-233.54340820312453' as double precision), cast('-155.69560546874973' as double precision), cast('-103.79707031249984' as double precision), cast('-69.1980468749999' as double precision), cast('-46.13203124999994' as double precision), cast('-30.754687499999964' as double precision), cast('-20.50312499999998' as double precision), cast('-13.668749999999987' as double precision), cast('-9.112499999999992' as double precision), cast('-6.074999999999996' as double precision), cast('-4.049999999999997' as double precision), cast('-2.699999999999999' as double precision), cast('-1.7999999999999994' as double precision), cast('-1.1999999999999997' as double precision), cast(0.0 as double precision), cast('1.1999999999999997' as double precision), cast('1.7999999999999994' as double precision), cast('2.699999999999999' as double precision), cast('4.049999999999997' as double precision), cast('6.074999999999996' as double precision), cast('9.112499999999992' as double precision), cast('13.668749999999987' as double precision), cast('20.50312499999998' as double precision), cast('30.754687499999964' as double precision), cast('46.13203124999994' as double precision), cast(69.1980468749999 as double precision), cast('103.79707031249984' as double precision), cast('155.69560546874973' as double precision), cast('233.54340820312453' as double precision), cast('350.31511230468675' as double precision), cast('525.4726684570301' as double precision), cast('788.2090026855449' as double precision)])[g10 + 1] end as "s0_8",
  d35 as "s0_9",
  case when d36 is not null then (array[cast('it''s' as text), cast('\ 7' as text)])[d37 + 1] end as "s0_10",
  d38 as "s0_11",
  d39 as "s0_12"
from (
select w.*,
  d33 - g6 as g8,
  g7 - g6 as g9,
  d30 * 6 + g5 as g10
from (
select w.*,
  case when g0 > d33 then 0 when g1 > d33 then 1 when g2 > d33 then 2 when g3 > d33 then 3 when g4 > d33 then 4 else 5 end as g5,
  case when g4 <= d33 then g4 when g3 <= d33 then g3 when g2 <= d33 then g2 when g1 <= d33 then g1 when g0 <= d33 then g0 else 0 end as g6,
  case when g0 > d33 then g0 when g1 > d33 then g1 when g2 > d33 then g2 when g3 > d33 then g3 when g4 > d33 then g4 else d34 end as g7
from (
select q.*,
  cast(coalesce(f0_0.v0, 0) - coalesce(f0_1.v0, 0) as bigint) as g0,
  cast(coalesce(f0_0.v1, 0) - coalesce(f0_1.v1, 0) as bigint) as g1,
  cast(coalesce(f0_0.v2, 0) - coalesce(f0_1.v2, 0) as bigint) as g2,
  cast(coalesce(f0_0.v3, 0) - coalesce(f0_1.v3, 0) as bigint) as g3,
  cast(coalesce(f0_0.v4, 0) - coalesce(f0_1.v4, 0) as bigint) as g4
from s0_found as q
left join s0_x7_6_walk as f0_w on f0_w.r = q.r
left join s0_x7_6_steps as f0_0 on f0_0.k0 = q.k0 and f0_0.x8 = q.d30 and f0_0.n = f0_w.n0
left join s0_x7_6_steps as f0_1 on f0_1.k0 = q.k0 and f0_1.x8 = q.d30 and f0_1.n = f0_w.n1
offset 0
) as w
offset 0
) as w
) as w
),
s1_rows as (
select (cast(t."line" as text) collate "C") as k0,
  cast(extract(epoch from t."scheduled") * 1000000 as bigint) as h,
  t."id" as o0
from "shop"."trips" as t
where (cast(t."line" as text) collate "C") is not null and cast(extract(epoch from t."scheduled") * 1000000 as bigint) is not null
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
select r,
  case when k0 is not null and q4 is not null and q5 is not null then d0 end as "s1_0"
from (
select q.*,
  cast(coalesce(e0.n, 0) - coalesce(e1.n, 0) as bigint) as d0
from asked as q
left join s1_walk as ew on ew.r = q.r
left join s1_steps as e0 on e0.k0 = q.k0 and e0.n = ew.n0
left join s1_steps as e1 on e1.k0 = q.k0 and e1.n = ew.n1
) as w
),
s2_rows as (
select w.*,
  case when x13 = 0 then x14 end as x15,
  case when x13 = 1 then x14 end as x16
from (
select w.*,
  cast(x10 as numeric) * ((array[cast('1' as numeric), cast('2' as numeric), cast('4' as numeric), cast('8' as numeric), cast('16' as numeric), cast('32' as numeric), cast('64' as numeric), cast('128' as numeric), cast('256' as numeric), cast('512' as numeric), cast('1024' as numeric), cast('2048' as numeric), cast('4096' as numeric), cast('8192' as numeric), cast('16384' as numeric), cast('32768' as numeric), cast('65536' as numeric), cast('131072' as numeric), cast('262144' as numeric), cast('524288' as numeric), cast('1048576' as numeric), cast('2097152' as numeric), cast('4194304' as numeric), cast('8388608' as numeric), cast('16777216' as numeric), cast('33554432' as numeric), cast('67108864' as numeric), cast('134217728' as numeric), cast('268435456' as numeric), cast('536870912' as numeric), cast('1073741824' as numeric), cast('2147483648' as numeric), cast('4294967296' as numeric), cast('8589934592' as numeric), cast('17179869184' as numeric), cast('34359738368' as numeric), cast('68719476736' as numeric), cast('137438953472' as numeric), cast('274877906944' as numeric), cast('549755813888' as numeric), cast('1099511627776' as numeric), cast('2199023255552' as numeric), cast('4398046511104' as numeric), cast('8796093022208' as numeric), cast('17592186044416' as numeric), cast('35184372088832' as numeric), cast('70368744177664' as numeric), cast('140737488355328' as numeric), cast('281474976710656' as numeric), cast('562949953421312' as numeric), cast('1125899906842624' as numeric), cast('2251799813685248' as numeric), cast('4503599627370496' as numeric), cast('9007199254740992' as numeric), cast('18014398509481984' as numeric), cast('36028797018963968' as numeric), cast('72057594037927936' as numeric), cast('144115188075855872' as numeric), cast('288230376151711744' as numeric), cast('576460752303423488' as numeric), cast('1152921504606846976' as numeric), cast('2305843009213693952' as numeric), cast('4611686018427387904' as numeric), cast('9223372036854775808' as numeric)])[x12 + 1]) as x14
from (
select w.*,
  cast(x9 as bigint) as x10
from (
select w.*,
  cast(x1 as double precision) * x8 as x9
from (
select w.*,
  x7 + x7 * (x6 * (cast(1.0 as double precision) + x6 * (cast(0.5 as double precision) + x6 * (cast('0.16666666666666666' as double precision) + x6 * (cast('0.041666666666666664' as double precision) + x6 * (cast('0.008333333333333333' as double precision) + x6 * (cast('0.001388888888888889' as double precision)))))))) as x8
from (
select w.*,
  cast(x4 - x5 * 21600000000 as double precision) / cast(21600000000.0 as double precision) * cast('0.0054152123481245725' as double precision) as x6,
  (array[cast(1.0 as double precision), cast('1.0054299011128027' as double precision), cast('1.0108892860517005' as double precision), cast('1.016378314910953' as double precision), cast('1.0218971486541166' as double precision), cast('1.0274459491187637' as double precision), cast('1.0330248790212284' as double precision), cast('1.0386341019613787' as double precision), cast('1.0442737824274138' as double precision), cast('1.0499440858006872' as double precision), cast('1.0556451783605572' as double precision), cast('1.061377227289262' as double precision), cast('1.0671404006768237' as double precision), cast('1.0729348675259756' as double precision), cast('1.0787607977571199' as double precision), cast('1.0846183622133092' as double precision), cast('1.0905077326652577' as double precision), cast('1.0964290818163769' as double precision), cast('1.102382583307841' as double precision), cast('1.1083684117236787' as double precision), cast('1.1143867425958924' as double precision), cast('1.1204377524096067' as double precision), cast('1.1265216186082418' as double precision), cast('1.1326385195987192' as double precision), cast('1.1387886347566916' as double precision), cast('1.1449721444318042' as double precision), cast('1.1511892299529827' as double precision), cast('1.1574400736337511' as double precision), cast('1.1637248587775775' as double precision), cast('1.1700437696832502' as double precision), cast('1.1763969916502812' as double precision), cast('1.182784710984341' as double precision), cast('1.189207115002721' as double precision), cast('1.1956643920398273' as double precision), cast('1.202156731452703' as double precision), cast('1.2086843236265816' as double precision), cast('1.215247359980469' as double precision), cast('1.2218460329727576' as double precision), cast(1.22848053610687 as double precision), cast('1.2351510639369334' as double precision), cast('1.241857812073484' as double precision), cast('1.2486009771892048' as double precision), cast('1.255380757024691' as double precision), cast('1.2621973503942507' as double precision), cast('1.2690509571917332' as double precision), cast('1.275941778396392' as double precision), cast('1.2828700160787783' as double precision), cast('1.2898358734066657' as double precision), cast('1.2968395546510096' as double precision), cast('1.3038812651919358' as double precision), cast('1.3109612115247644' as double precision), cast('1.318079601266064' as double precision), cast('1.3252366431597413' as double precision), cast('1.3324325470831615' as double precision), cast('1.339667524053303' as double precision), cast('1.3469417862329458' as double precision), cast('1.3542555469368927' as double precision), cast('1.3616090206382248' as double precision), cast('1.3690024229745905' as double precision), cast('1.3764359707545302' as double precision), cast('1.383909881963832' as double precision), cast('1.3914243757719262' as double precision), cast('1.3989796725383112' as double precision), cast('1.4065759938190154' as double precision), cast('1.4142135623730951' as double precision), cast('1.4218926021691656' as double precision), cast(1.42961333839197 as double precision), cast('1.4373759974489824' as double precision), cast('1.4451808069770467' as double precision), cast('1.4530279958490526' as double precision), cast('1.460917794180647' as double precision), cast('1.4688504333369818' as double precision), cast('1.4768261459394993' as double precision), cast('1.4848451658727524' as double precision), cast('1.4929077282912648' as double precision), cast('1.5010140696264256' as double precision), cast('1.5091644275934228' as double precision), cast('1.5173590411982147' as double precision), cast('1.5255981507445384' as double precision), cast('1.533881997840956' as double precision), cast('1.5422108254079407' as double precision), cast(1.550584877685 as double precision), cast('1.559004400237837' as double precision), cast('1.567469639965553' as double precision), cast('1.5759808451078865' as double precision), cast('1.5845382652524937' as double precision), cast('1.593142151342267' as double precision), cast('1.6017927556826934' as double precision), cast('1.6104903319492543' as double precision), cast('1.6192351351948637' as double precision), cast('1.6280274218573478' as double precision), cast('1.6368674497669644' as double precision), cast('1.645755478153965' as double precision), cast('1.6546917676561943' as double precision), cast('1.6636765803267364' as double precision), cast('1.6727101796415966' as double precision), cast('1.681792830507429' as double precision), cast('1.6909247992693053' as double precision), cast('1.7001063537185235' as double precision), cast('1.709337763100463' as double precision), cast('1.718619298122478' as double precision), cast('1.7279512309618377' as double precision), cast('1.7373338352737062' as double precision), cast('1.746767386199169' as double precision), cast('1.7562521603732995' as double precision), cast('1.7657884359332727' as double precision), cast('1.7753764925265212' as double precision), cast('1.785016611318935' as double precision), cast('1.7947090750031072' as double precision), cast('1.804454167806624' as double precision), cast('1.8142521755003989' as double precision), cast('1.8241033854070534' as double precision), cast('1.8340080864093424' as double precision), cast('1.843966568958626' as double precision), cast('1.8539791250833855' as double precision), cast('1.864046048397789' as double precision), cast(1.8741676341103 as double precision), cast('1.8843441790323345' as double precision), cast('1.8945759815869656' as double precision), cast('1.9048633418176741' as double precision), cast('1.9152065613971474' as double precision), cast('1.925605943636125' as double precision), cast('1.9360617934922943' as double precision), cast('1.9465744175792332' as double precision), cast('1.9571441241754002' as double precision), cast('1.9677712232331759' as double precision), cast('1.978456026387951' as double precision), cast('1.9891988469672663' as double precision), cast(2.0 as double precision)])[x5 + 1] as x7
from (
select w.*,
  x4 / 21600000000 as x5
from (
select w.*,
  x3 * 128 as x4,
  x2 - x11 * 64 as x12,
  x11 - (x11 / 2 - case when x11 % 2 < 0 then 1 else 0 end) * 2 as x13
from (
select w.*,
  h - x2 * 21600000000 as x3,
  (x2 / 64 - case when x2 % 64 < 0 then 1 else 0 end) as x11
from (
select w.*,
  x0 * 1000000 as x1,
  (h / 21600000000 - case when h % 21600000000 < 0 then 1 else 0 end) as x2
from (
select (cast(t."line" as text) collate "C") as k0,
  cast(extract(epoch from t."arrived") * 1000000 as bigint) as h,
  t."id" as o0,
  t."delay" as x0
from "shop"."trips" as t
where (cast(t."line" as text) collate "C") is not null and cast(extract(epoch from t."arrived") * 1000000 as bigint) is not null and t."late"
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
),
s2_steps as (
select k0, h, n, v0, v1
from (
select k0,
  h,
  row_number() over (partition by k0 order by h, o0) as n,
  lead(h) over (partition by k0 order by h, o0) as u,
  sum(x15) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v0,
  sum(x16) over (partition by k0 order by h, o0 rows between unbounded preceding and current row) as v1
from s2_rows
) as s
where u is null or u <> h
),
s2_walk as (
select r, max(case when e = 0 then n end) as n0, max(case when e = 1 then n end) as n1
from (
select r, e, max(n) over (partition by k0 order by h, e rows between unbounded preceding and current row) as n
from (
select k0, h, n, -1 as e, cast(null as bigint) as r
from s2_steps
union all
select k0, q0, null, 0, r
from asked
where k0 is not null and q0 is not null
union all
select k0, q6, null, 1, r
from asked
where k0 is not null and q6 is not null
) as w
) as w
where e >= 0
group by r
),
s2 as (
select r,
  case when k0 is not null and q0 is not null then d16 end as "s2_0"
from (
select w.*,
  (d15) * cast('5.421010862427522e-20' as double precision) * d8 / cast(1000000.0 as double precision) as d16
from (
select w.*,
  case when abs(d14) < cast('9903520314283042199192993792' as numeric) then cast(d14 - (d14 % cast('1099511627776' as numeric)) as double precision) + cast((d14 % cast('1099511627776' as numeric)) as double precision) else cast(d14 - (d14 % cast('1208925819614629174706176' as numeric)) as double precision) + (cast((d14 % cast('1208925819614629174706176' as numeric)) - (d14 % cast('1099511627776' as numeric)) as double precision) + case when (d14 % cast('1099511627776' as numeric)) > 0 then cast(549755813888.0 as double precision) when (d14 % cast('1099511627776' as numeric)) < 0 then -cast(549755813888.0 as double precision) else cast(0.0 as double precision) end) end as d15
from (
select w.*,
  d9 * d4 + cast(d13 as numeric) * d5 + case when d3 < 40 then cast(d12 as numeric) * d6 + cast(d11 / d7 as numeric) else cast(d12 / d7 as numeric) end as d14
from (
select w.*,
  cast((d10 % cast('1099511627776' as numeric)) as bigint) as d11,
  cast((cast((d10 % cast('1208925819614629174706176' as numeric)) - (d10 % cast('1099511627776' as numeric)) as double precision) * cast('9.094947017729282e-13' as double precision)) as bigint) as d12,
  cast((cast(d10 - (d10 % cast('1208925819614629174706176' as numeric)) as double precision) * cast('8.271806125530277e-25' as double precision)) as bigint) as d13
from (
select w.*,
  case when d2 = 0 then d0 else d1 end as d9,
  case when d2 = 0 then d1 else d0 end as d10
from (
select q.*,
  cast(coalesce(e0.v0, 0) - coalesce(e1.v0, 0) as numeric) as d0,
  cast(coalesce(e0.v1, 0) - coalesce(e1.v1, 0) as numeric) as d1,
  fading0.odd as d2,
  fading0.place as d3,
  fading0.up as d4,
  fading0.high as d5,
  fading0.middle as d6,
  fading0.low as d7,
  fading0.weight as d8
from asked as q
left join s2_walk as ew on ew.r = q.r
left join s2_steps as e0 on e0.k0 = q.k0 and e0.n = ew.n0
left join s2_steps as e1 on e1.k0 = q.k0 and e1.n = ew.n1
left join fading0 on fading0.r = q.r
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
) as w
),
s3_rows as (
select w.*,
  x32 / 268435456 as x34
from (
select w.*,
  (x28 # x31) as x32,
  (x29 # x30) as x33
from (
select w.*,
  x29 / 2147483648 + x28 % 2147483648 * 2 as x30,
  x28 / 2147483648 as x31
from (
select w.*,
  x27 % 4294967296 as x28
from (
select w.*,
  x22 / 4294967296 + x21 / 65536 + x24 + x26 as x27,
  x22 % 4294967296 as x29
from (
select w.*,
  (x21 % 65536) * 65536 + (x20 % 65536) * 321982955 as x22,
  (x23 % 65536) * 65536 + (x19 % 65536) * 321982955 as x24,
  (x25 % 65536) * 65536 + (x20 % 65536) * 2496678331 as x26
from (
select w.*,
  (x20 / 65536) * 321982955 as x21,
  (x19 / 65536) * 321982955 as x23,
  (x20 / 65536) * 2496678331 as x25
from (
select w.*,
  (x15 # x18) as x19,
  (x16 # x17) as x20
from (
select w.*,
  x16 / 134217728 + x15 % 134217728 * 32 as x17,
  x15 / 134217728 as x18
from (
select w.*,
  x14 % 4294967296 as x15
from (
select w.*,
  x9 / 4294967296 + x8 / 65536 + x11 + x13 as x14,
  x9 % 4294967296 as x16
from (
select w.*,
  (x8 % 65536) * 65536 + (x7 % 65536) * 484763065 as x9,
  (x10 % 65536) * 65536 + (x6 % 65536) * 484763065 as x11,
  (x12 % 65536) * 65536 + (x7 % 65536) * 3210233709 as x13
from (
select w.*,
  (x7 / 65536) * 484763065 as x8,
  (x6 / 65536) * 484763065 as x10,
  (x7 / 65536) * 3210233709 as x12
from (
select w.*,
  (x3 # x5) as x6,
  (x2 # x4) as x7
from (
select w.*,
  x2 / 1073741824 + x3 % 1073741824 * 4 as x4,
  x3 / 1073741824 as x5
from (
select w.*,
  x0 - x1 * 4294967296 as x2,
  x1 + case when x1 < 0 then 4294967296 else 0 end as x3
from (
select w.*,
  (x0 / 4294967296 - case when x0 % 4294967296 < 0 then 1 else 0 end) as x1
from (
select (cast(t."line" as text) collate "C") as k0,
  cast(extract(epoch from t."published") * 1000000 as bigint) as h,
  t."id" as o0,
  cast(t."seats" as bigint) as x0
from "shop"."trips" as t
where (cast(t."line" as text) collate "C") is not null and cast(extract(epoch from t."published") * 1000000 as bigint) is not null
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
offset 0
) as w
),
s3_steps as (
select k0, h, n
from (
select k0,
  h,
  row_number() over (partition by k0 order by h, o0) as n,
  lead(h) over (partition by k0 order by h, o0) as u
from s3_rows
) as s
where u is null or u <> h
),
s3_x34_spans as (
select k0, h, lead(h) over (partition by k0, x34 order by h) as u
from s3_rows
where x34 is not null
),
s3_x34 as (
select r, cast(d0 as bigint) as d0
from (
select r,
  sum(case when e = -1 then 1 when e = 0 then -1 else 0 end) over (partition by k0 order by h, e rows between unbounded preceding and current row) as d0
from (
select k0, h, -1 as e, cast(null as bigint) as r
from s3_x34_spans
union all
select k0, case when u <= h + 86400000000 then u else h + 86400000000 end, 0, null
from s3_x34_spans
union all
select k0, q0, 1, r
from asked
where k0 is not null and q0 is not null
) as w
) as w
where r is not null
),
s3 as (
select r,
  case when d0 is not null then (array[cast(0.0 as double precision), cast('1.0326163382011389' as double precision), cast('2.136502281992362' as double precision), cast('3.322229836451912' as double precision), cast('4.602913159228494' as double precision), cast('5.995095191062571' as double precision), cast('7.520058067931769' as double precision), cast('9.205826318456989' as double precision), cast('11.090354888959125' as double precision), cast('13.226857170951487' as double precision), cast('15.693268048187619' as double precision), cast('18.610412956890894' as double precision), cast('22.18070977791825' as double precision), cast('26.783622937146745' as double precision), cast('33.27106466687737' as double precision), cast(44.3614195558365 as double precision), cast('55.451774444795625' as double precision)])[d0 + 1] end as "s3_0"
from (
select q.*,
  s3_x34.d0 as d0
from asked as q
left join s3_x34 on s3_x34.r = q.r
) as w
)
select
  t.i0 as "id",
  (timestamptz 'epoch' + t.q0 * interval '1 microsecond') as "_at",
  t."s0_0" as "recent_n",
  t."s0_1" as "recent_delay",
  nullif(t."s0_2", cast('NaN' as double precision)) as "recent_fare",
  nullif(t."s0_3", cast('NaN' as double precision)) as "recent_late",
  t."s0_4" as "recent_latest",
  nullif((cast(t."s0_5" as double precision) / nullif(60000000.0, 0)), cast('NaN' as double precision)) as "recent_age",
  t."s1_0" as "recent_next",
  nullif(t."s0_6", cast('NaN' as double precision)) as "kept_spread",
  nullif(t."s2_0", cast('NaN' as double precision)) as "kept_fading",
  nullif(t."s0_7", cast('NaN' as double precision)) as "kept_median",
  nullif(t."s0_8", cast('NaN' as double precision)) as "kept_late",
  nullif(t."s3_0", cast('NaN' as double precision)) as "kept_seats",
  t."s0_9" as "kept_notes",
  (cast(t."s0_10" as text) collate "C") as "kept_note",
  ((t."c0" / 4 - case when t."c0" % 4 < 0 then 1 else 0 end) % 3 + case when (t."c0" / 4 - case when t."c0" % 4 < 0 then 1 else 0 end) % 3 < 0 then 3 else 0 end) as "own_seats",
  (t."c1" - t."c2") as "own_wait",
  ((cast(t."c3" as text) collate "C") is not distinct from 'it''s \ 7
') as "own_same",
  ((t."c0" in (1, 2)) or ((cast(t."c3" as text) collate "C") is null)) as "own_some",
  nullif(t."s0_11", cast('NaN' as double precision)) as "reach_least",
  t."s0_12" as "reach_greatest",
  case when t.l0 > t.q0 then t.l1 end as "_label",
  (timestamptz 'epoch' + t.l0 * interval '1 microsecond') as "_label_known_at"
from (
select q.*, s0."s0_0", s0."s0_1", s0."s0_2", s0."s0_3", s0."s0_4", s0."s0_5", s0."s0_6", s0."s0_7", s0."s0_8", s0."s0_9", s0."s0_10", s0."s0_11", s0."s0_12", s1."s1_0", s2."s2_0", s3."s3_0"
from asked as q
left join s0 on s0.r = q.r
left join s1 on s1.r = q.r
left join s2 on s2.r = q.r
left join s3 on s3.r = q.r
) as t
order by t.r;
