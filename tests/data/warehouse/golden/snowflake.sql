-- rows that are asked about at no instant
select count(case when date_part(epoch_microsecond, t."scheduled") is null then 1 end) as n0
from "shop"."trips" as t;

-- trips, values that are read before they are known
select count(case when true and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."scheduled")) then 1 end) as n0,
  count(case when true then 1 end) as r0,
  count(case when true and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."scheduled")) then 1 end) as n1,
  count(case when true then 1 end) as r1,
  count(case when true and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."scheduled")) then 1 end) as n2,
  count(case when true then 1 end) as r2,
  count(case when true and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."scheduled")) then 1 end) as n3,
  count(case when true then 1 end) as r3,
  count(case when true and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."scheduled")) then 1 end) as n4,
  count(case when true then 1 end) as r4,
  count(case when t."line" is not null and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."scheduled")) then 1 end) as n5,
  count(case when t."line" is not null then 1 end) as r5,
  count(case when date_part(epoch_microsecond, t."arrived") is not null and (date_part(epoch_microsecond, t."arrived") is null or date_part(epoch_microsecond, t."arrived") > date_part(epoch_microsecond, t."arrived")) then 1 end) as n6,
  count(case when date_part(epoch_microsecond, t."arrived") is not null then 1 end) as r6,
  count(case when date_part(epoch_microsecond, t."arrived") is not null and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."arrived")) then 1 end) as n7,
  count(case when date_part(epoch_microsecond, t."arrived") is not null then 1 end) as r7,
  count(case when date_part(epoch_microsecond, t."arrived") is not null and (date_part(epoch_microsecond, t."arrived") is null or date_part(epoch_microsecond, t."arrived") > date_part(epoch_microsecond, t."arrived")) then 1 end) as n8,
  count(case when date_part(epoch_microsecond, t."arrived") is not null then 1 end) as r8,
  count(case when date_part(epoch_microsecond, t."arrived") is not null and (date_part(epoch_microsecond, t."arrived") is null or date_part(epoch_microsecond, t."arrived") > date_part(epoch_microsecond, t."arrived")) then 1 end) as n9,
  count(case when date_part(epoch_microsecond, t."arrived") is not null then 1 end) as r9,
  count(case when date_part(epoch_microsecond, t."arrived") is not null and (date_part(epoch_microsecond, t."arrived") is null or date_part(epoch_microsecond, t."arrived") > date_part(epoch_microsecond, t."arrived")) then 1 end) as n10,
  count(case when date_part(epoch_microsecond, t."arrived") is not null then 1 end) as r10,
  count(case when date_part(epoch_microsecond, t."scheduled") is not null and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."scheduled")) then 1 end) as n11,
  count(case when date_part(epoch_microsecond, t."scheduled") is not null then 1 end) as r11,
  count(case when date_part(epoch_microsecond, t."published") is not null and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."published")) then 1 end) as n12,
  count(case when date_part(epoch_microsecond, t."published") is not null then 1 end) as r12,
  count(case when date_part(epoch_microsecond, t."published") is not null and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."published")) then 1 end) as n13,
  count(case when date_part(epoch_microsecond, t."published") is not null then 1 end) as r13,
  count(case when date_part(epoch_microsecond, t."published") is not null and (date_part(epoch_microsecond, t."published") is null or date_part(epoch_microsecond, t."published") > date_part(epoch_microsecond, t."published")) then 1 end) as n14,
  count(case when date_part(epoch_microsecond, t."published") is not null then 1 end) as r14,
  count(case when date_part(epoch_microsecond, t."arrived") is not null and (date_part(epoch_microsecond, t."arrived") is null or date_part(epoch_microsecond, t."arrived") > date_part(epoch_microsecond, t."arrived")) then 1 end) as n15,
  count(case when date_part(epoch_microsecond, t."arrived") is not null then 1 end) as r15,
  count(case when date_part(epoch_microsecond, t."arrived") is not null and t."late" is not null and (date_part(epoch_microsecond, t."arrived") is null or date_part(epoch_microsecond, t."arrived") > date_part(epoch_microsecond, t."arrived")) then 1 end) as n16,
  count(case when date_part(epoch_microsecond, t."arrived") is not null and t."late" is not null then 1 end) as r16
from "shop"."trips" as t;

-- trips.scheduled, how long before they happen plans are known
select min(l.lead) as lead, max(q.reach) as reach, count(q.reach) as asked, count(case when q.reach > l.lead then 1 end) as early
from (
select date_part(epoch_microsecond, t."scheduled") + 3600000000 - date_part(epoch_microsecond, t."scheduled") as reach
from "shop"."trips" as t
) as q
cross join (
select case when count(case when date_part(epoch_microsecond, t."scheduled") is not null and t."line" is not null and date_part(epoch_microsecond, t."published") is null then 1 end) > 0 then cast(-9223372036854775808 as bigint) else coalesce(min(case when date_part(epoch_microsecond, t."scheduled") is not null and t."line" is not null and date_part(epoch_microsecond, t."published") > cast(-9223372036854775808 as bigint) then date_part(epoch_microsecond, t."scheduled") - date_part(epoch_microsecond, t."published") end), cast(9223372036854775807 as bigint)) end as lead
from "shop"."trips" as t
) as l;

-- trips.scheduled, how long before they happen plans are known
select min(l.lead) as lead, max(q.reach) as reach, count(q.reach) as asked, count(case when q.reach > l.lead then 1 end) as early
from (
select date_part(epoch_microsecond, t."scheduled") + 3600000000 - date_part(epoch_microsecond, t."scheduled") as reach
from "shop"."trips" as t
) as q
cross join (
select case when count(case when date_part(epoch_microsecond, t."scheduled") is not null and t."line" is not null and date_part(epoch_microsecond, t."published") is null then 1 end) > 0 then cast(-9223372036854775808 as bigint) else coalesce(min(case when date_part(epoch_microsecond, t."scheduled") is not null and t."line" is not null and date_part(epoch_microsecond, t."published") > cast(-9223372036854775808 as bigint) then date_part(epoch_microsecond, t."scheduled") - date_part(epoch_microsecond, t."published") end), cast(9223372036854775807 as bigint)) end as lead
from "shop"."trips" as t
) as l;

-- trips, labels that are known when their row is asked about
select count(case when date_part(epoch_microsecond, t."arrived") is not null and t."late" is not null then 1 end) as told, count(case when date_part(epoch_microsecond, t."arrived") is not null and t."late" is not null and date_part(epoch_microsecond, t."arrived") > date_part(epoch_microsecond, t."scheduled") then 1 end) as ahead
from "shop"."trips" as t;

-- trips, whether sums are exact
select case when sum(case when date_part(epoch_microsecond, t."arrived") is not null and not (t."line" is null) then abs(cast(t."delay" as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b0,
  max(abs(nullif(t."fare", cast('NaN' as double precision)))) as g1,
  count(case when not (abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992) then 1 end) as u1,
  case when sum(case when date_part(epoch_microsecond, t."arrived") is not null and not (t."line" is null) and abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then abs(cast(cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b1,
  case when sum(case when date_part(epoch_microsecond, t."arrived") is not null and not (t."line" is null) then abs(cast(cast(cast(t."late" as int) as bigint) as numeric(38, 0))) end) > 9223372036854775807 then 1 else 0 end as b2,
  max(abs(nullif(t."fare", cast('NaN' as double precision)))) as g3,
  count(case when not (abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992) then 1 end) as u3,
  case when count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) >= 2147483648 or cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) as number(38, 0)) * coalesce(sum(cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0)) * cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0))), 0) >= cast('4611686018427387904' as number(38, 0)) then 1 when (cast('19807040628566084398385987584' as number(38, 0)) - cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) as number(38, 0)) * coalesce(sum(cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0)) * cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0))), 0) * cast('4294967296' as number(38, 0)) - 2 * cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) as number(38, 0)) * coalesce(sum(cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0)) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) as number(38, 0))), 0)) >= cast('19807040628566084398385987584' as number(38, 0)) then 0 when (cast('19807040628566084398385987584' as number(38, 0)) - cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) as number(38, 0)) * coalesce(sum(cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0)) * cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0))), 0) * cast('4294967296' as number(38, 0)) - 2 * cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) as number(38, 0)) * coalesce(sum(cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0)) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) as number(38, 0))), 0)) <= 0 then 1 when (cast('19807040628566084398385987584' as number(38, 0)) - cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) as number(38, 0)) * coalesce(sum(cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0)) * cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0))), 0) * cast('4294967296' as number(38, 0)) - 2 * cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) as number(38, 0)) * coalesce(sum(cast(abs(cast((case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end - case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) / 4294967296 as bigint)) as number(38, 0)) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) as number(38, 0))), 0)) * cast('4294967296' as number(38, 0)) > cast(count(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end) as number(38, 0)) * coalesce(sum(cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) as number(38, 0)) * cast(abs(case when abs(nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) <= 9007199254740992 then cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) end % 4294967296) as number(38, 0))), 0) then 0 else 1 end as b3,
  count(case when t."delay" > 9007199254 or t."delay" < -9007199254 then 1 end) as u4,
  case when count(*) >= 2147483648 or sum(abs(cast(case when t."delay" between -9007199254 and 9007199254 then t."delay" * 1000000 end as numeric(38, 0)))) >= 2305843009213693952 then 1 else 0 end as b4
from "shop"."trips" as t;

-- the frame
with asked as (
select row_number() over (order by t."id", date_part(epoch_microsecond, t."scheduled"), case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then collate(cast(t."line" as text), '') end, date_part(epoch_microsecond, t."scheduled") - 10800000000, date_part(epoch_microsecond, t."scheduled") - 86400000000, date_part(epoch_microsecond, t."scheduled") - 21600000000, date_part(epoch_microsecond, t."scheduled") + 3600000000, date_part(epoch_microsecond, t."scheduled") - 3600000000, ((cast((date_part(epoch_microsecond, t."scheduled") - date_part(epoch_microsecond, t."scheduled") % 21600000000) / 21600000000 as bigint) - case when date_part(epoch_microsecond, t."scheduled") % 21600000000 < 0 then 1 else 0 end) - 63) * 21600000000 - 1, case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then cast(t."seats" as bigint) end, case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then date_part(epoch_microsecond, t."scheduled") end, case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then (datediff(day, date '1970-01-01', t."day") * 86400000000) end, case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then collate(cast(t."line" as text), '') end, date_part(epoch_microsecond, t."arrived"), t."late") as r,
  date_part(epoch_microsecond, t."scheduled") as q0,
  case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then collate(cast(t."line" as text), '') end as k0,
  date_part(epoch_microsecond, t."scheduled") - 10800000000 as q1,
  date_part(epoch_microsecond, t."scheduled") - 86400000000 as q2,
  date_part(epoch_microsecond, t."scheduled") - 21600000000 as q3,
  date_part(epoch_microsecond, t."scheduled") + 3600000000 as q4,
  date_part(epoch_microsecond, t."scheduled") - 3600000000 as q5,
  ((cast((date_part(epoch_microsecond, t."scheduled") - date_part(epoch_microsecond, t."scheduled") % 21600000000) / 21600000000 as bigint) - case when date_part(epoch_microsecond, t."scheduled") % 21600000000 < 0 then 1 else 0 end) - 63) * 21600000000 - 1 as q6,
  case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then cast(t."seats" as bigint) end as "c0",
  case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then date_part(epoch_microsecond, t."scheduled") end as "c1",
  case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then (datediff(day, date '1970-01-01', t."day") * 86400000000) end as "c2",
  case when date_part(epoch_microsecond, t."published") <= date_part(epoch_microsecond, t."scheduled") then collate(cast(t."line" as text), '') end as "c3",
  t."id" as i0,
  date_part(epoch_microsecond, t."arrived") as l0,
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
  case when z3 < 32 then case when z3 < 16 then case when z3 < 8 then case when z3 < 4 then case when z3 < 2 then case when z3 < 1 then cast('9223372036854775808' as number(38, 0)) else cast('4611686018427387904' as number(38, 0)) end else case when z3 < 3 then cast('2305843009213693952' as number(38, 0)) else cast('1152921504606846976' as number(38, 0)) end end else case when z3 < 6 then case when z3 < 5 then cast('576460752303423488' as number(38, 0)) else cast('288230376151711744' as number(38, 0)) end else case when z3 < 7 then cast('144115188075855872' as number(38, 0)) else cast('72057594037927936' as number(38, 0)) end end end else case when z3 < 12 then case when z3 < 10 then case when z3 < 9 then cast('36028797018963968' as number(38, 0)) else cast('18014398509481984' as number(38, 0)) end else case when z3 < 11 then cast('9007199254740992' as number(38, 0)) else cast('4503599627370496' as number(38, 0)) end end else case when z3 < 14 then case when z3 < 13 then cast('2251799813685248' as number(38, 0)) else cast('1125899906842624' as number(38, 0)) end else case when z3 < 15 then cast('562949953421312' as number(38, 0)) else cast('281474976710656' as number(38, 0)) end end end end else case when z3 < 24 then case when z3 < 20 then case when z3 < 18 then case when z3 < 17 then cast('140737488355328' as number(38, 0)) else cast('70368744177664' as number(38, 0)) end else case when z3 < 19 then cast('35184372088832' as number(38, 0)) else cast('17592186044416' as number(38, 0)) end end else case when z3 < 22 then case when z3 < 21 then cast('8796093022208' as number(38, 0)) else cast('4398046511104' as number(38, 0)) end else case when z3 < 23 then cast('2199023255552' as number(38, 0)) else cast('1099511627776' as number(38, 0)) end end end else case when z3 < 28 then case when z3 < 26 then case when z3 < 25 then cast('549755813888' as number(38, 0)) else cast('274877906944' as number(38, 0)) end else case when z3 < 27 then cast('137438953472' as number(38, 0)) else cast('68719476736' as number(38, 0)) end end else case when z3 < 30 then case when z3 < 29 then cast('34359738368' as number(38, 0)) else cast('17179869184' as number(38, 0)) end else case when z3 < 31 then cast('8589934592' as number(38, 0)) else cast('4294967296' as number(38, 0)) end end end end end else case when z3 < 48 then case when z3 < 40 then case when z3 < 36 then case when z3 < 34 then case when z3 < 33 then cast('2147483648' as number(38, 0)) else cast('1073741824' as number(38, 0)) end else case when z3 < 35 then cast('536870912' as number(38, 0)) else cast('268435456' as number(38, 0)) end end else case when z3 < 38 then case when z3 < 37 then cast('134217728' as number(38, 0)) else cast('67108864' as number(38, 0)) end else case when z3 < 39 then cast('33554432' as number(38, 0)) else cast('16777216' as number(38, 0)) end end end else case when z3 < 44 then case when z3 < 42 then case when z3 < 41 then cast('8388608' as number(38, 0)) else cast('4194304' as number(38, 0)) end else case when z3 < 43 then cast('2097152' as number(38, 0)) else cast('1048576' as number(38, 0)) end end else case when z3 < 46 then case when z3 < 45 then cast('524288' as number(38, 0)) else cast('262144' as number(38, 0)) end else case when z3 < 47 then cast('131072' as number(38, 0)) else cast('65536' as number(38, 0)) end end end end else case when z3 < 56 then case when z3 < 52 then case when z3 < 50 then case when z3 < 49 then cast('32768' as number(38, 0)) else cast('16384' as number(38, 0)) end else case when z3 < 51 then cast('8192' as number(38, 0)) else cast('4096' as number(38, 0)) end end else case when z3 < 54 then case when z3 < 53 then cast('2048' as number(38, 0)) else cast('1024' as number(38, 0)) end else case when z3 < 55 then cast('512' as number(38, 0)) else cast('256' as number(38, 0)) end end end else case when z3 < 60 then case when z3 < 58 then case when z3 < 57 then cast('128' as number(38, 0)) else cast('64' as number(38, 0)) end else case when z3 < 59 then cast('32' as number(38, 0)) else cast('16' as number(38, 0)) end end else case when z3 < 62 then case when z3 < 61 then cast('8' as number(38, 0)) else cast('4' as number(38, 0)) end else case when z3 < 63 then cast('2' as number(38, 0)) else cast('1' as number(38, 0)) end end end end end end as up,
  case when z3 < 32 then case when z3 < 16 then case when z3 < 8 then case when z3 < 4 then case when z3 < 2 then case when z3 < 1 then cast('604462909807314587353088' as number(38, 0)) else cast('302231454903657293676544' as number(38, 0)) end else case when z3 < 3 then cast('151115727451828646838272' as number(38, 0)) else cast('75557863725914323419136' as number(38, 0)) end end else case when z3 < 6 then case when z3 < 5 then cast('37778931862957161709568' as number(38, 0)) else cast('18889465931478580854784' as number(38, 0)) end else case when z3 < 7 then cast('9444732965739290427392' as number(38, 0)) else cast('4722366482869645213696' as number(38, 0)) end end end else case when z3 < 12 then case when z3 < 10 then case when z3 < 9 then cast('2361183241434822606848' as number(38, 0)) else cast('1180591620717411303424' as number(38, 0)) end else case when z3 < 11 then cast('590295810358705651712' as number(38, 0)) else cast('295147905179352825856' as number(38, 0)) end end else case when z3 < 14 then case when z3 < 13 then cast('147573952589676412928' as number(38, 0)) else cast('73786976294838206464' as number(38, 0)) end else case when z3 < 15 then cast('36893488147419103232' as number(38, 0)) else cast('18446744073709551616' as number(38, 0)) end end end end else case when z3 < 24 then case when z3 < 20 then case when z3 < 18 then case when z3 < 17 then cast('9223372036854775808' as number(38, 0)) else cast('4611686018427387904' as number(38, 0)) end else case when z3 < 19 then cast('2305843009213693952' as number(38, 0)) else cast('1152921504606846976' as number(38, 0)) end end else case when z3 < 22 then case when z3 < 21 then cast('576460752303423488' as number(38, 0)) else cast('288230376151711744' as number(38, 0)) end else case when z3 < 23 then cast('144115188075855872' as number(38, 0)) else cast('72057594037927936' as number(38, 0)) end end end else case when z3 < 28 then case when z3 < 26 then case when z3 < 25 then cast('36028797018963968' as number(38, 0)) else cast('18014398509481984' as number(38, 0)) end else case when z3 < 27 then cast('9007199254740992' as number(38, 0)) else cast('4503599627370496' as number(38, 0)) end end else case when z3 < 30 then case when z3 < 29 then cast('2251799813685248' as number(38, 0)) else cast('1125899906842624' as number(38, 0)) end else case when z3 < 31 then cast('562949953421312' as number(38, 0)) else cast('281474976710656' as number(38, 0)) end end end end end else case when z3 < 48 then case when z3 < 40 then case when z3 < 36 then case when z3 < 34 then case when z3 < 33 then cast('140737488355328' as number(38, 0)) else cast('70368744177664' as number(38, 0)) end else case when z3 < 35 then cast('35184372088832' as number(38, 0)) else cast('17592186044416' as number(38, 0)) end end else case when z3 < 38 then case when z3 < 37 then cast('8796093022208' as number(38, 0)) else cast('4398046511104' as number(38, 0)) end else case when z3 < 39 then cast('2199023255552' as number(38, 0)) else cast('1099511627776' as number(38, 0)) end end end else case when z3 < 44 then case when z3 < 42 then case when z3 < 41 then cast('549755813888' as number(38, 0)) else cast('274877906944' as number(38, 0)) end else case when z3 < 43 then cast('137438953472' as number(38, 0)) else cast('68719476736' as number(38, 0)) end end else case when z3 < 46 then case when z3 < 45 then cast('34359738368' as number(38, 0)) else cast('17179869184' as number(38, 0)) end else case when z3 < 47 then cast('8589934592' as number(38, 0)) else cast('4294967296' as number(38, 0)) end end end end else case when z3 < 56 then case when z3 < 52 then case when z3 < 50 then case when z3 < 49 then cast('2147483648' as number(38, 0)) else cast('1073741824' as number(38, 0)) end else case when z3 < 51 then cast('536870912' as number(38, 0)) else cast('268435456' as number(38, 0)) end end else case when z3 < 54 then case when z3 < 53 then cast('134217728' as number(38, 0)) else cast('67108864' as number(38, 0)) end else case when z3 < 55 then cast('33554432' as number(38, 0)) else cast('16777216' as number(38, 0)) end end end else case when z3 < 60 then case when z3 < 58 then case when z3 < 57 then cast('8388608' as number(38, 0)) else cast('4194304' as number(38, 0)) end else case when z3 < 59 then cast('2097152' as number(38, 0)) else cast('1048576' as number(38, 0)) end end else case when z3 < 62 then case when z3 < 61 then cast('524288' as number(38, 0)) else cast('262144' as number(38, 0)) end else case when z3 < 63 then cast('131072' as number(38, 0)) else cast('65536' as number(38, 0)) end end end end end end as high,
  case when z3 < 32 then case when z3 < 16 then case when z3 < 8 then case when z3 < 4 then case when z3 < 2 then case when z3 < 1 then cast('549755813888' as number(38, 0)) else cast('274877906944' as number(38, 0)) end else case when z3 < 3 then cast('137438953472' as number(38, 0)) else cast('68719476736' as number(38, 0)) end end else case when z3 < 6 then case when z3 < 5 then cast('34359738368' as number(38, 0)) else cast('17179869184' as number(38, 0)) end else case when z3 < 7 then cast('8589934592' as number(38, 0)) else cast('4294967296' as number(38, 0)) end end end else case when z3 < 12 then case when z3 < 10 then case when z3 < 9 then cast('2147483648' as number(38, 0)) else cast('1073741824' as number(38, 0)) end else case when z3 < 11 then cast('536870912' as number(38, 0)) else cast('268435456' as number(38, 0)) end end else case when z3 < 14 then case when z3 < 13 then cast('134217728' as number(38, 0)) else cast('67108864' as number(38, 0)) end else case when z3 < 15 then cast('33554432' as number(38, 0)) else cast('16777216' as number(38, 0)) end end end end else case when z3 < 24 then case when z3 < 20 then case when z3 < 18 then case when z3 < 17 then cast('8388608' as number(38, 0)) else cast('4194304' as number(38, 0)) end else case when z3 < 19 then cast('2097152' as number(38, 0)) else cast('1048576' as number(38, 0)) end end else case when z3 < 22 then case when z3 < 21 then cast('524288' as number(38, 0)) else cast('262144' as number(38, 0)) end else case when z3 < 23 then cast('131072' as number(38, 0)) else cast('65536' as number(38, 0)) end end end else case when z3 < 28 then case when z3 < 26 then case when z3 < 25 then cast('32768' as number(38, 0)) else cast('16384' as number(38, 0)) end else case when z3 < 27 then cast('8192' as number(38, 0)) else cast('4096' as number(38, 0)) end end else case when z3 < 30 then case when z3 < 29 then cast('2048' as number(38, 0)) else cast('1024' as number(38, 0)) end else case when z3 < 31 then cast('512' as number(38, 0)) else cast('256' as number(38, 0)) end end end end end else case when z3 < 48 then case when z3 < 40 then case when z3 < 36 then case when z3 < 34 then case when z3 < 33 then cast('128' as number(38, 0)) else cast('64' as number(38, 0)) end else case when z3 < 35 then cast('32' as number(38, 0)) else cast('16' as number(38, 0)) end end else case when z3 < 38 then case when z3 < 37 then cast('8' as number(38, 0)) else cast('4' as number(38, 0)) end else case when z3 < 39 then cast('2' as number(38, 0)) else cast('1' as number(38, 0)) end end end else cast('1' as number(38, 0)) end else cast('1' as number(38, 0)) end end as middle,
  case when z3 < 32 then case when z3 < 16 then case when z3 < 8 then case when z3 < 4 then case when z3 < 2 then case when z3 < 1 then 2 else 4 end else case when z3 < 3 then 8 else 16 end end else case when z3 < 6 then case when z3 < 5 then 32 else 64 end else case when z3 < 7 then 128 else 256 end end end else case when z3 < 12 then case when z3 < 10 then case when z3 < 9 then 512 else 1024 end else case when z3 < 11 then 2048 else 4096 end end else case when z3 < 14 then case when z3 < 13 then 8192 else 16384 end else case when z3 < 15 then 32768 else 65536 end end end end else case when z3 < 24 then case when z3 < 20 then case when z3 < 18 then case when z3 < 17 then 131072 else 262144 end else case when z3 < 19 then 524288 else 1048576 end end else case when z3 < 22 then case when z3 < 21 then 2097152 else 4194304 end else case when z3 < 23 then 8388608 else 16777216 end end end else case when z3 < 28 then case when z3 < 26 then case when z3 < 25 then 33554432 else 67108864 end else case when z3 < 27 then 134217728 else 268435456 end end else case when z3 < 30 then case when z3 < 29 then 536870912 else 1073741824 end else case when z3 < 31 then 2147483648 else 4294967296 end end end end end else case when z3 < 48 then case when z3 < 40 then case when z3 < 36 then case when z3 < 34 then case when z3 < 33 then 8589934592 else 17179869184 end else case when z3 < 35 then 34359738368 else 68719476736 end end else case when z3 < 38 then case when z3 < 37 then 137438953472 else 274877906944 end else case when z3 < 39 then 549755813888 else 1099511627776 end end end else case when z3 < 44 then case when z3 < 42 then case when z3 < 41 then 2 else 4 end else case when z3 < 43 then 8 else 16 end end else case when z3 < 46 then case when z3 < 45 then 32 else 64 end else case when z3 < 47 then 128 else 256 end end end end else case when z3 < 56 then case when z3 < 52 then case when z3 < 50 then case when z3 < 49 then 512 else 1024 end else case when z3 < 51 then 2048 else 4096 end end else case when z3 < 54 then case when z3 < 53 then 8192 else 16384 end else case when z3 < 55 then 32768 else 65536 end end end else case when z3 < 60 then case when z3 < 58 then case when z3 < 57 then 131072 else 262144 end else case when z3 < 59 then 524288 else 1048576 end end else case when z3 < 62 then case when z3 < 61 then 2097152 else 4194304 end else case when z3 < 63 then 8388608 else 16777216 end end end end end end as low,
  z10 as weight
from (
select w.*,
  z9 + z9 * (z8 * (cast(1.0 as double precision) + z8 * (cast(0.5 as double precision) + z8 * (cast('0.16666666666666666' as double precision) + z8 * (cast('0.041666666666666664' as double precision) + z8 * (cast('0.008333333333333333' as double precision) + z8 * (cast('0.001388888888888889' as double precision)))))))) as z10
from (
select w.*,
  cast(z6 - z7 * 21600000000 as double precision) / cast(21600000000.0 as double precision) * cast('0.0054152123481245725' as double precision) as z8,
  case when z7 < 64 then case when z7 < 32 then case when z7 < 16 then case when z7 < 8 then case when z7 < 4 then case when z7 < 2 then case when z7 < 1 then cast(1.0 as double precision) else cast('1.0054299011128027' as double precision) end else case when z7 < 3 then cast('1.0108892860517005' as double precision) else cast('1.016378314910953' as double precision) end end else case when z7 < 6 then case when z7 < 5 then cast('1.0218971486541166' as double precision) else cast('1.0274459491187637' as double precision) end else case when z7 < 7 then cast('1.0330248790212284' as double precision) else cast('1.0386341019613787' as double precision) end end end else case when z7 < 12 then case when z7 < 10 then case when z7 < 9 then cast('1.0442737824274138' as double precision) else cast('1.0499440858006872' as double precision) end else case when z7 < 11 then cast('1.0556451783605572' as double precision) else cast('1.061377227289262' as double precision) end end else case when z7 < 14 then case when z7 < 13 then cast('1.0671404006768237' as double precision) else cast('1.0729348675259756' as double precision) end else case when z7 < 15 then cast('1.0787607977571199' as double precision) else cast('1.0846183622133092' as double precision) end end end end else case when z7 < 24 then case when z7 < 20 then case when z7 < 18 then case when z7 < 17 then cast('1.0905077326652577' as double precision) else cast('1.0964290818163769' as double precision) end else case when z7 < 19 then cast('1.102382583307841' as double precision) else cast('1.1083684117236787' as double precision) end end else case when z7 < 22 then case when z7 < 21 then cast('1.1143867425958924' as double precision) else cast('1.1204377524096067' as double precision) end else case when z7 < 23 then cast('1.1265216186082418' as double precision) else cast('1.1326385195987192' as double precision) end end end else case when z7 < 28 then case when z7 < 26 then case when z7 < 25 then cast('1.1387886347566916' as double precision) else cast('1.1449721444318042' as double precision) end else case when z7 < 27 then cast('1.1511892299529827' as double precision) else cast('1.1574400736337511' as double precision) end end else case when z7 < 30 then case when z7 < 29 then cast('1.1637248587775775' as double precision) else cast('1.1700437696832502' as double precision) end else case when z7 < 31 then cast('1.1763969916502812' as double precision) else cast('1.182784710984341' as double precision) end end end end end else case when z7 < 48 then case when z7 < 40 then case when z7 < 36 then case when z7 < 34 then case when z7 < 33 then cast('1.189207115002721' as double precision) else cast('1.1956643920398273' as double precision) end else case when z7 < 35 then cast('1.202156731452703' as double precision) else cast('1.2086843236265816' as double precision) end end else case when z7 < 38 then case when z7 < 37 then cast('1.215247359980469' as double precision) else cast('1.2218460329727576' as double precision) end else case when z7 < 39 then cast(1.22848053610687 as double precision) else cast('1.2351510639369334' as double precision) end end end else case when z7 < 44 then case when z7 < 42 then case when z7 < 41 then cast('1.241857812073484' as double precision) else cast('1.2486009771892048' as double precision) end else case when z7 < 43 then cast('1.255380757024691' as double precision) else cast('1.2621973503942507' as double precision) end end else case when z7 < 46 then case when z7 < 45 then cast('1.2690509571917332' as double precision) else cast('1.275941778396392' as double precision) end else case when z7 < 47 then cast('1.2828700160787783' as double precision) else cast('1.2898358734066657' as double precision) end end end end else case when z7 < 56 then case when z7 < 52 then case when z7 < 50 then case when z7 < 49 then cast('1.2968395546510096' as double precision) else cast('1.3038812651919358' as double precision) end else case when z7 < 51 then cast('1.3109612115247644' as double precision) else cast('1.318079601266064' as double precision) end end else case when z7 < 54 then case when z7 < 53 then cast('1.3252366431597413' as double precision) else cast('1.3324325470831615' as double precision) end else case when z7 < 55 then cast('1.339667524053303' as double precision) else cast('1.3469417862329458' as double precision) end end end else case when z7 < 60 then case when z7 < 58 then case when z7 < 57 then cast('1.3542555469368927' as double precision) else cast('1.3616090206382248' as double precision) end else case when z7 < 59 then cast('1.3690024229745905' as double precision) else cast('1.3764359707545302' as double precision) end end else case when z7 < 62 then case when z7 < 61 then cast('1.383909881963832' as double precision) else cast('1.3914243757719262' as double precision) end else case when z7 < 63 then cast('1.3989796725383112' as double precision) else cast('1.4065759938190154' as double precision) end end end end end end else case when z7 < 96 then case when z7 < 80 then case when z7 < 72 then case when z7 < 68 then case when z7 < 66 then case when z7 < 65 then cast('1.4142135623730951' as double precision) else cast('1.4218926021691656' as double precision) end else case when z7 < 67 then cast(1.42961333839197 as double precision) else cast('1.4373759974489824' as double precision) end end else case when z7 < 70 then case when z7 < 69 then cast('1.4451808069770467' as double precision) else cast('1.4530279958490526' as double precision) end else case when z7 < 71 then cast('1.460917794180647' as double precision) else cast('1.4688504333369818' as double precision) end end end else case when z7 < 76 then case when z7 < 74 then case when z7 < 73 then cast('1.4768261459394993' as double precision) else cast('1.4848451658727524' as double precision) end else case when z7 < 75 then cast('1.4929077282912648' as double precision) else cast('1.5010140696264256' as double precision) end end else case when z7 < 78 then case when z7 < 77 then cast('1.5091644275934228' as double precision) else cast('1.5173590411982147' as double precision) end else case when z7 < 79 then cast('1.5255981507445384' as double precision) else cast('1.533881997840956' as double precision) end end end end else case when z7 < 88 then case when z7 < 84 then case when z7 < 82 then case when z7 < 81 then cast('1.5422108254079407' as double precision) else cast(1.550584877685 as double precision) end else case when z7 < 83 then cast('1.559004400237837' as double precision) else cast('1.567469639965553' as double precision) end end else case when z7 < 86 then case when z7 < 85 then cast('1.5759808451078865' as double precision) else cast('1.5845382652524937' as double precision) end else case when z7 < 87 then cast('1.593142151342267' as double precision) else cast('1.6017927556826934' as double precision) end end end else case when z7 < 92 then case when z7 < 90 then case when z7 < 89 then cast('1.6104903319492543' as double precision) else cast('1.6192351351948637' as double precision) end else case when z7 < 91 then cast('1.6280274218573478' as double precision) else cast('1.6368674497669644' as double precision) end end else case when z7 < 94 then case when z7 < 93 then cast('1.645755478153965' as double precision) else cast('1.6546917676561943' as double precision) end else case when z7 < 95 then cast('1.6636765803267364' as double precision) else cast('1.6727101796415966' as double precision) end end end end end else case when z7 < 112 then case when z7 < 104 then case when z7 < 100 then case when z7 < 98 then case when z7 < 97 then cast('1.681792830507429' as double precision) else cast('1.6909247992693053' as double precision) end else case when z7 < 99 then cast('1.7001063537185235' as double precision) else cast('1.709337763100463' as double precision) end end else case when z7 < 102 then case when z7 < 101 then cast('1.718619298122478' as double precision) else cast('1.7279512309618377' as double precision) end else case when z7 < 103 then cast('1.7373338352737062' as double precision) else cast('1.746767386199169' as double precision) end end end else case when z7 < 108 then case when z7 < 106 then case when z7 < 105 then cast('1.7562521603732995' as double precision) else cast('1.7657884359332727' as double precision) end else case when z7 < 107 then cast('1.7753764925265212' as double precision) else cast('1.785016611318935' as double precision) end end else case when z7 < 110 then case when z7 < 109 then cast('1.7947090750031072' as double precision) else cast('1.804454167806624' as double precision) end else case when z7 < 111 then cast('1.8142521755003989' as double precision) else cast('1.8241033854070534' as double precision) end end end end else case when z7 < 120 then case when z7 < 116 then case when z7 < 114 then case when z7 < 113 then cast('1.8340080864093424' as double precision) else cast('1.843966568958626' as double precision) end else case when z7 < 115 then cast('1.8539791250833855' as double precision) else cast('1.864046048397789' as double precision) end end else case when z7 < 118 then case when z7 < 117 then cast(1.8741676341103 as double precision) else cast('1.8843441790323345' as double precision) end else case when z7 < 119 then cast('1.8945759815869656' as double precision) else cast('1.9048633418176741' as double precision) end end end else case when z7 < 124 then case when z7 < 122 then case when z7 < 121 then cast('1.9152065613971474' as double precision) else cast('1.925605943636125' as double precision) end else case when z7 < 123 then cast('1.9360617934922943' as double precision) else cast('1.9465744175792332' as double precision) end end else case when z7 < 126 then case when z7 < 125 then cast('1.9571441241754002' as double precision) else cast('1.9677712232331759' as double precision) end else case when z7 < 127 then cast('1.978456026387951' as double precision) else case when z7 < 128 then cast('1.9891988469672663' as double precision) else cast(2.0 as double precision) end end end end end end end end as z9
from (
select w.*,
  cast((z6 - z6 % 21600000000) / 21600000000 as bigint) as z7
from (
select w.*,
  z1 - z2 * 64 as z3,
  z2 - (cast((z2 - z2 % 2) / 2 as bigint) - case when z2 % 2 < 0 then 1 else 0 end) * 2 as z4,
  z5 * 128 as z6
from (
select w.*,
  (cast((z1 - z1 % 64) / 64 as bigint) - case when z1 % 64 < 0 then 1 else 0 end) as z2,
  21600000000 - (z0 - z1 * 21600000000) as z5
from (
select w.*,
  (cast((z0 - z0 % 21600000000) / 21600000000 as bigint) - case when z0 % 21600000000 < 0 then 1 else 0 end) as z1
from (
select r,
  q0 as z0
from asked
) as w
) as w
) as w
) as w
) as w
) as w
) as w
),
s0_rows as (
select w.*,
  cast((x7 - x7 % 6) / 6 as bigint) as x8
from (
select w.*,
  cast(x1 as number(38, 0)) * cast(x1 as number(38, 0)) as x3,
  case when x4 is not null then case when x4 < cast(15.0 as double precision) then case when x4 < cast(0.0 as double precision) then 0 else 1 end else case when x4 < cast(60.0 as double precision) then 2 else 3 end end end as x5,
  case when x6 is not null then case when x6 < cast(1.0 as double precision) then case when x6 < cast('-25.62890624999997' as double precision) then case when x6 < cast('-129.74633789062477' as double precision) then case when x6 < cast('-291.9292602539056' as double precision) then case when x6 < cast('-437.8938903808584' as double precision) then case when x6 < cast('-656.8408355712875' as double precision) then 0 else 1 end else 2 end else case when x6 < cast('-194.61950683593713' as double precision) then 3 else 4 end end else case when x6 < cast('-57.66503906249992' as double precision) then case when x6 < cast('-86.49755859374987' as double precision) then 5 else 6 end else case when x6 < cast('-38.44335937499995' as double precision) then 7 else 8 end end end else case when x6 < cast('-3.3749999999999982' as double precision) then case when x6 < cast('-7.593749999999994' as double precision) then case when x6 < cast('-11.39062499999999' as double precision) then case when x6 < cast('-17.085937499999982' as double precision) then 9 else 10 end else 11 end else case when x6 < cast('-5.0624999999999964' as double precision) then 12 else 13 end end else case when x6 < cast('-1.4999999999999996' as double precision) then case when x6 < cast('-2.249999999999999' as double precision) then 14 else 15 end else case when x6 < cast('-0.9999999999999999' as double precision) then 16 else 17 end end end end else case when x6 < cast('38.44335937499996' as double precision) then case when x6 < cast('7.593749999999995' as double precision) then case when x6 < cast('3.3749999999999987' as double precision) then case when x6 < cast('2.2499999999999996' as double precision) then case when x6 < cast('1.4999999999999998' as double precision) then 18 else 19 end else 20 end else case when x6 < cast('5.062499999999997' as double precision) then 21 else 22 end end else case when x6 < cast('17.085937499999986' as double precision) then case when x6 < cast('11.390624999999991' as double precision) then 23 else 24 end else case when x6 < cast('25.628906249999975' as double precision) then 25 else 26 end end end else case when x6 < cast('194.61950683593716' as double precision) then case when x6 < cast('86.49755859374989' as double precision) then case when x6 < cast('57.66503906249993' as double precision) then 27 else 28 end else case when x6 < cast('129.7463378906248' as double precision) then 29 else 30 end end else case when x6 < cast('437.89389038085847' as double precision) then case when x6 < cast('291.9292602539057' as double precision) then 31 else 32 end else case when x6 < cast('656.8408355712876' as double precision) then 33 else 34 end end end end end end as x7,
  x6 + 0.0 as x10
from (
select collate(cast(t."line" as text), '') as k0,
  date_part(epoch_microsecond, t."arrived") as h,
  t."id" as o0,
  t."delay" as x0,
  cast(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) + case when (nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) > 0.5 or ((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision)) - floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) = 0.5 and floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) <> 2 * floor(floor((nullif(t."fare", cast('NaN' as double precision)) / cast('1e-06' as double precision))) / 2)) then 1 else 0 end as bigint) as x1,
  cast(cast(t."late" as int) as bigint) as x2,
  cast(t."delay" as double precision) as x4,
  nullif(t."fare", cast('NaN' as double precision)) as x6,
  case when (collate(cast(t."note" as text), '') = '\\ 7') then 1 when (collate(cast(t."note" as text), '') = 'it\'s') then 0 end as x9
from "shop"."trips" as t
where collate(cast(t."line" as text), '') is not null and date_part(epoch_microsecond, t."arrived") is not null
) as w
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
select i, m, s, cast(((a + size - 1) - (a + size - 1) % size) / size as bigint) as f, cast((z - z % size) / size as bigint) as p
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
join s0_x9_86400000000_blocks as k on k.k = (cast(((q.a - 1) - (q.a - 1) % size) / size as bigint)) * 64 + i
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
  case when d16 < 2 then cast(0.0 as double precision) else case when d16 < 3 then cast(15.0 as double precision) else cast(60.0 as double precision) end end as d21,
  case when d16 < 2 then case when d16 < 1 then cast(0.0 as double precision) else cast(15.0 as double precision) end else case when d16 < 3 then cast(45.0 as double precision) else cast(0.0 as double precision) end end as d22,
  d29 - d31 as d33,
  d32 - d31 as d34
from (
select w.*,
  case when d3 > 1 then (case when abs(d9) < cast('9903520314283042199192993792' as number(38, 0)) then cast(d9 - (d9 % cast('1099511627776' as number(38, 0))) as double precision) + cast((d9 % cast('1099511627776' as number(38, 0))) as double precision) else cast(d9 - (d9 % cast('1208925819614629174706176' as number(38, 0))) as double precision) + (cast((d9 % cast('1208925819614629174706176' as number(38, 0))) - (d9 % cast('1099511627776' as number(38, 0))) as double precision) + case when (d9 % cast('1099511627776' as number(38, 0))) > 0 then cast(549755813888.0 as double precision) when (d9 % cast('1099511627776' as number(38, 0))) < 0 then -cast(549755813888.0 as double precision) else cast(0.0 as double precision) end) end) / (cast(d3 * (d3 - 1) as double precision) * cast(1000000000000.0 as double precision)) end as d10,
  case when d12 > d15 then 0 when d13 > d15 then 1 when d14 > d15 then 2 else 3 end as d16,
  case when d14 <= d15 then d14 when d13 <= d15 then d13 when d12 <= d15 then d12 else 0 end as d17,
  case when d12 > d15 then d12 when d13 > d15 then d13 when d14 > d15 then d14 else d11 end as d18,
  case when d24 > d29 then 0 when d25 > d29 then 1 when d26 > d29 then 2 when d27 > d29 then 3 when d28 > d29 then 4 else 5 end as d30,
  case when d28 <= d29 then d28 when d27 <= d29 then d27 when d26 <= d29 then d26 when d25 <= d29 then d25 when d24 <= d29 then d24 else 0 end as d31,
  case when d24 > d29 then d24 when d25 > d29 then d25 when d26 > d29 then d26 when d27 > d29 then d27 when d28 > d29 then d28 else d23 end as d32
from (
select w.*,
  cast(d3 as number(38, 0)) * d8 - cast(d2 as number(38, 0)) * cast(d2 as number(38, 0)) as d9,
  cast(((500000 * (d11 - 1)) - (500000 * (d11 - 1)) % 1000000) / 1000000 as bigint) as d15,
  cast(((900000 * (d23 - 1)) - (900000 * (d23 - 1)) % 1000000) / 1000000 as bigint) as d29,
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
  cast(coalesce(e0.v6, 0) - coalesce(e2.v6, 0) as number(38, 0)) as d8,
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
asof join s0_steps as e0 match_condition (q.q0 >= e0.h) on e0.k0 = q.k0
asof join s0_steps as e1 match_condition (q.q1 >= e1.h) on e1.k0 = q.k0
asof join s0_steps as e2 match_condition (q.q2 >= e2.h) on e2.k0 = q.k0
left join s0_x9 on s0_x9.r = q.r
left join s0_x9_86400000000 on s0_x9_86400000000.r = q.r
left join s0_reach on s0_reach.r = q.r
) as w
) as w
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
  case when d23 > 0 then case when g10 < 17 then case when g10 < 8 then case when g10 < 4 then case when g10 < 2 then case when g10 < 1 then cast('-788.2090026855449' as double precision) else cast('-525.4726684570301' as double precision) end else case when g10 < 3 then cast('-350.31511230468675' as double precision) else cast('-233.54340820312453' as double precision) end end else case when g10 < 6 then case when g10 < 5 then cast('-155.69560546874973' as double precision) else cast('-103.79707031249984' as double precision) end else case when g10 < 7 then cast('-69.1980468749999' as double precision) else cast('-46.13203124999994' as double precision) end end end else case when g10 < 12 then case when g10 < 10 then case when g10 < 9 then cast('-30.754687499999964' as double precision) else cast('-20.50312499999998' as double precision) end else case when g10 < 11 then cast('-13.668749999999987' as double precision) else cast('-9.112499999999992' as double precision) end end else case when g10 < 14 then case when g10 < 13 then cast('-6.074999999999996' as double precision) else cast('-4.049999999999997' as double precision) end else case when g10 < 15 then cast('-2.699999999999999' as double precision) else case when g10 < 16 then cast('-1.7999999999999994' as double precision) else cast('-1.1999999999999997' as double precision) end end end end end else case when g10 < 26 then case when g10 < 21 then case when g10 < 19 then case when g10 < 18 then cast(0.0 as double precision) else cast('1.1999999999999997' as double precision) end else case when g10 < 20 then cast('1.7999999999999994' as double precision) else cast('2.699999999999999' as double precision) end end else case when g10 < 23 then case when g10 < 22 then cast('4.049999999999997' as double precision) else cast('6.074999999999996' as double precision) end else case when g10 < 24 then cast('9.112499999999992' as double precision) else case when g10 < 25 then cast('13.668749999999987' as double precision) else cast('20.50312499999998' as double precision) end end end end else case when g10 < 30 then case when g10 < 28 then case when g10 < 27 then cast('30.754687499999964' as double precision) else cast('46.13203124999994' as double precision) end else case when g10 < 29 then cast(69.1980468749999 as double precision) else cast('103.79707031249984' as double precision) end end else case when g10 < 32 then case when g10 < 31 then cast('155.69560546874973' as double precision) else cast('233.54340820312453' as double precision) end else case when g10 < 33 then cast('350.31511230468675' as double precision) else case when g10 < 34 then cast('525.4726684570301' as double precision) else cast('788.2090026855449' as double precision) end end end end end end end as "s0_8",
  d35 as "s0_9",
  case when d36 is not null then case when d37 < 1 then cast('it\'s' as text) else cast('\\ 7' as text) end end as "s0_10",
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
asof join s0_x7_6_steps as f0_0 match_condition (q.q0 >= f0_0.h) on f0_0.k0 = q.k0 and f0_0.x8 = q.d30
asof join s0_x7_6_steps as f0_1 match_condition (q.q2 >= f0_1.h) on f0_1.k0 = q.k0 and f0_1.x8 = q.d30
) as w
) as w
) as w
),
s1_rows as (
select collate(cast(t."line" as text), '') as k0,
  date_part(epoch_microsecond, t."scheduled") as h,
  t."id" as o0
from "shop"."trips" as t
where collate(cast(t."line" as text), '') is not null and date_part(epoch_microsecond, t."scheduled") is not null
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
s1 as (
select r,
  case when k0 is not null and q4 is not null and q5 is not null then d0 end as "s1_0"
from (
select q.*,
  cast(coalesce(e0.n, 0) - coalesce(e1.n, 0) as bigint) as d0
from asked as q
asof join s1_steps as e0 match_condition (q.q4 >= e0.h) on e0.k0 = q.k0
asof join s1_steps as e1 match_condition (q.q5 >= e1.h) on e1.k0 = q.k0
) as w
),
s2_rows as (
select w.*,
  case when x13 = 0 then x14 end as x15,
  case when x13 = 1 then x14 end as x16
from (
select w.*,
  cast(x10 as number(38, 0)) * (case when x12 < 32 then case when x12 < 16 then case when x12 < 8 then case when x12 < 4 then case when x12 < 2 then case when x12 < 1 then cast('1' as number(38, 0)) else cast('2' as number(38, 0)) end else case when x12 < 3 then cast('4' as number(38, 0)) else cast('8' as number(38, 0)) end end else case when x12 < 6 then case when x12 < 5 then cast('16' as number(38, 0)) else cast('32' as number(38, 0)) end else case when x12 < 7 then cast('64' as number(38, 0)) else cast('128' as number(38, 0)) end end end else case when x12 < 12 then case when x12 < 10 then case when x12 < 9 then cast('256' as number(38, 0)) else cast('512' as number(38, 0)) end else case when x12 < 11 then cast('1024' as number(38, 0)) else cast('2048' as number(38, 0)) end end else case when x12 < 14 then case when x12 < 13 then cast('4096' as number(38, 0)) else cast('8192' as number(38, 0)) end else case when x12 < 15 then cast('16384' as number(38, 0)) else cast('32768' as number(38, 0)) end end end end else case when x12 < 24 then case when x12 < 20 then case when x12 < 18 then case when x12 < 17 then cast('65536' as number(38, 0)) else cast('131072' as number(38, 0)) end else case when x12 < 19 then cast('262144' as number(38, 0)) else cast('524288' as number(38, 0)) end end else case when x12 < 22 then case when x12 < 21 then cast('1048576' as number(38, 0)) else cast('2097152' as number(38, 0)) end else case when x12 < 23 then cast('4194304' as number(38, 0)) else cast('8388608' as number(38, 0)) end end end else case when x12 < 28 then case when x12 < 26 then case when x12 < 25 then cast('16777216' as number(38, 0)) else cast('33554432' as number(38, 0)) end else case when x12 < 27 then cast('67108864' as number(38, 0)) else cast('134217728' as number(38, 0)) end end else case when x12 < 30 then case when x12 < 29 then cast('268435456' as number(38, 0)) else cast('536870912' as number(38, 0)) end else case when x12 < 31 then cast('1073741824' as number(38, 0)) else cast('2147483648' as number(38, 0)) end end end end end else case when x12 < 48 then case when x12 < 40 then case when x12 < 36 then case when x12 < 34 then case when x12 < 33 then cast('4294967296' as number(38, 0)) else cast('8589934592' as number(38, 0)) end else case when x12 < 35 then cast('17179869184' as number(38, 0)) else cast('34359738368' as number(38, 0)) end end else case when x12 < 38 then case when x12 < 37 then cast('68719476736' as number(38, 0)) else cast('137438953472' as number(38, 0)) end else case when x12 < 39 then cast('274877906944' as number(38, 0)) else cast('549755813888' as number(38, 0)) end end end else case when x12 < 44 then case when x12 < 42 then case when x12 < 41 then cast('1099511627776' as number(38, 0)) else cast('2199023255552' as number(38, 0)) end else case when x12 < 43 then cast('4398046511104' as number(38, 0)) else cast('8796093022208' as number(38, 0)) end end else case when x12 < 46 then case when x12 < 45 then cast('17592186044416' as number(38, 0)) else cast('35184372088832' as number(38, 0)) end else case when x12 < 47 then cast('70368744177664' as number(38, 0)) else cast('140737488355328' as number(38, 0)) end end end end else case when x12 < 56 then case when x12 < 52 then case when x12 < 50 then case when x12 < 49 then cast('281474976710656' as number(38, 0)) else cast('562949953421312' as number(38, 0)) end else case when x12 < 51 then cast('1125899906842624' as number(38, 0)) else cast('2251799813685248' as number(38, 0)) end end else case when x12 < 54 then case when x12 < 53 then cast('4503599627370496' as number(38, 0)) else cast('9007199254740992' as number(38, 0)) end else case when x12 < 55 then cast('18014398509481984' as number(38, 0)) else cast('36028797018963968' as number(38, 0)) end end end else case when x12 < 60 then case when x12 < 58 then case when x12 < 57 then cast('72057594037927936' as number(38, 0)) else cast('144115188075855872' as number(38, 0)) end else case when x12 < 59 then cast('288230376151711744' as number(38, 0)) else cast('576460752303423488' as number(38, 0)) end end else case when x12 < 62 then case when x12 < 61 then cast('1152921504606846976' as number(38, 0)) else cast('2305843009213693952' as number(38, 0)) end else case when x12 < 63 then cast('4611686018427387904' as number(38, 0)) else cast('9223372036854775808' as number(38, 0)) end end end end end end) as x14
from (
select w.*,
  cast(floor(x9) + case when x9 - floor(x9) > 0.5 or (x9 - floor(x9) = 0.5 and floor(x9) <> 2 * floor(floor(x9) / 2)) then 1 else 0 end as bigint) as x10
from (
select w.*,
  cast(x1 as double precision) * x8 as x9
from (
select w.*,
  x7 + x7 * (x6 * (cast(1.0 as double precision) + x6 * (cast(0.5 as double precision) + x6 * (cast('0.16666666666666666' as double precision) + x6 * (cast('0.041666666666666664' as double precision) + x6 * (cast('0.008333333333333333' as double precision) + x6 * (cast('0.001388888888888889' as double precision)))))))) as x8
from (
select w.*,
  cast(x4 - x5 * 21600000000 as double precision) / cast(21600000000.0 as double precision) * cast('0.0054152123481245725' as double precision) as x6,
  case when x5 < 64 then case when x5 < 32 then case when x5 < 16 then case when x5 < 8 then case when x5 < 4 then case when x5 < 2 then case when x5 < 1 then cast(1.0 as double precision) else cast('1.0054299011128027' as double precision) end else case when x5 < 3 then cast('1.0108892860517005' as double precision) else cast('1.016378314910953' as double precision) end end else case when x5 < 6 then case when x5 < 5 then cast('1.0218971486541166' as double precision) else cast('1.0274459491187637' as double precision) end else case when x5 < 7 then cast('1.0330248790212284' as double precision) else cast('1.0386341019613787' as double precision) end end end else case when x5 < 12 then case when x5 < 10 then case when x5 < 9 then cast('1.0442737824274138' as double precision) else cast('1.0499440858006872' as double precision) end else case when x5 < 11 then cast('1.0556451783605572' as double precision) else cast('1.061377227289262' as double precision) end end else case when x5 < 14 then case when x5 < 13 then cast('1.0671404006768237' as double precision) else cast('1.0729348675259756' as double precision) end else case when x5 < 15 then cast('1.0787607977571199' as double precision) else cast('1.0846183622133092' as double precision) end end end end else case when x5 < 24 then case when x5 < 20 then case when x5 < 18 then case when x5 < 17 then cast('1.0905077326652577' as double precision) else cast('1.0964290818163769' as double precision) end else case when x5 < 19 then cast('1.102382583307841' as double precision) else cast('1.1083684117236787' as double precision) end end else case when x5 < 22 then case when x5 < 21 then cast('1.1143867425958924' as double precision) else cast('1.1204377524096067' as double precision) end else case when x5 < 23 then cast('1.1265216186082418' as double precision) else cast('1.1326385195987192' as double precision) end end end else case when x5 < 28 then case when x5 < 26 then case when x5 < 25 then cast('1.1387886347566916' as double precision) else cast('1.1449721444318042' as double precision) end else case when x5 < 27 then cast('1.1511892299529827' as double precision) else cast('1.1574400736337511' as double precision) end end else case when x5 < 30 then case when x5 < 29 then cast('1.1637248587775775' as double precision) else cast('1.1700437696832502' as double precision) end else case when x5 < 31 then cast('1.1763969916502812' as double precision) else cast('1.182784710984341' as double precision) end end end end end else case when x5 < 48 then case when x5 < 40 then case when x5 < 36 then case when x5 < 34 then case when x5 < 33 then cast('1.189207115002721' as double precision) else cast('1.1956643920398273' as double precision) end else case when x5 < 35 then cast('1.202156731452703' as double precision) else cast('1.2086843236265816' as double precision) end end else case when x5 < 38 then case when x5 < 37 then cast('1.215247359980469' as double precision) else cast('1.2218460329727576' as double precision) end else case when x5 < 39 then cast(1.22848053610687 as double precision) else cast('1.2351510639369334' as double precision) end end end else case when x5 < 44 then case when x5 < 42 then case when x5 < 41 then cast('1.241857812073484' as double precision) else cast('1.2486009771892048' as double precision) end else case when x5 < 43 then cast('1.255380757024691' as double precision) else cast('1.2621973503942507' as double precision) end end else case when x5 < 46 then case when x5 < 45 then cast('1.2690509571917332' as double precision) else cast('1.275941778396392' as double precision) end else case when x5 < 47 then cast('1.2828700160787783' as double precision) else cast('1.2898358734066657' as double precision) end end end end else case when x5 < 56 then case when x5 < 52 then case when x5 < 50 then case when x5 < 49 then cast('1.2968395546510096' as double precision) else cast('1.3038812651919358' as double precision) end else case when x5 < 51 then cast('1.3109612115247644' as double precision) else cast('1.318079601266064' as double precision) end end else case when x5 < 54 then case when x5 < 53 then cast('1.3252366431597413' as double precision) else cast('1.3324325470831615' as double precision) end else case when x5 < 55 then cast('1.339667524053303' as double precision) else cast('1.3469417862329458' as double precision) end end end else case when x5 < 60 then case when x5 < 58 then case when x5 < 57 then cast('1.3542555469368927' as double precision) else cast('1.3616090206382248' as double precision) end else case when x5 < 59 then cast('1.3690024229745905' as double precision) else cast('1.3764359707545302' as double precision) end end else case when x5 < 62 then case when x5 < 61 then cast('1.383909881963832' as double precision) else cast('1.3914243757719262' as double precision) end else case when x5 < 63 then cast('1.3989796725383112' as double precision) else cast('1.4065759938190154' as double precision) end end end end end end else case when x5 < 96 then case when x5 < 80 then case when x5 < 72 then case when x5 < 68 then case when x5 < 66 then case when x5 < 65 then cast('1.4142135623730951' as double precision) else cast('1.4218926021691656' as double precision) end else case when x5 < 67 then cast(1.42961333839197 as double precision) else cast('1.4373759974489824' as double precision) end end else case when x5 < 70 then case when x5 < 69 then cast('1.4451808069770467' as double precision) else cast('1.4530279958490526' as double precision) end else case when x5 < 71 then cast('1.460917794180647' as double precision) else cast('1.4688504333369818' as double precision) end end end else case when x5 < 76 then case when x5 < 74 then case when x5 < 73 then cast('1.4768261459394993' as double precision) else cast('1.4848451658727524' as double precision) end else case when x5 < 75 then cast('1.4929077282912648' as double precision) else cast('1.5010140696264256' as double precision) end end else case when x5 < 78 then case when x5 < 77 then cast('1.5091644275934228' as double precision) else cast('1.5173590411982147' as double precision) end else case when x5 < 79 then cast('1.5255981507445384' as double precision) else cast('1.533881997840956' as double precision) end end end end else case when x5 < 88 then case when x5 < 84 then case when x5 < 82 then case when x5 < 81 then cast('1.5422108254079407' as double precision) else cast(1.550584877685 as double precision) end else case when x5 < 83 then cast('1.559004400237837' as double precision) else cast('1.567469639965553' as double precision) end end else case when x5 < 86 then case when x5 < 85 then cast('1.5759808451078865' as double precision) else cast('1.5845382652524937' as double precision) end else case when x5 < 87 then cast('1.593142151342267' as double precision) else cast('1.6017927556826934' as double precision) end end end else case when x5 < 92 then case when x5 < 90 then case when x5 < 89 then cast('1.6104903319492543' as double precision) else cast('1.6192351351948637' as double precision) end else case when x5 < 91 then cast('1.6280274218573478' as double precision) else cast('1.6368674497669644' as double precision) end end else case when x5 < 94 then case when x5 < 93 then cast('1.645755478153965' as double precision) else cast('1.6546917676561943' as double precision) end else case when x5 < 95 then cast('1.6636765803267364' as double precision) else cast('1.6727101796415966' as double precision) end end end end end else case when x5 < 112 then case when x5 < 104 then case when x5 < 100 then case when x5 < 98 then case when x5 < 97 then cast('1.681792830507429' as double precision) else cast('1.6909247992693053' as double precision) end else case when x5 < 99 then cast('1.7001063537185235' as double precision) else cast('1.709337763100463' as double precision) end end else case when x5 < 102 then case when x5 < 101 then cast('1.718619298122478' as double precision) else cast('1.7279512309618377' as double precision) end else case when x5 < 103 then cast('1.7373338352737062' as double precision) else cast('1.746767386199169' as double precision) end end end else case when x5 < 108 then case when x5 < 106 then case when x5 < 105 then cast('1.7562521603732995' as double precision) else cast('1.7657884359332727' as double precision) end else case when x5 < 107 then cast('1.7753764925265212' as double precision) else cast('1.785016611318935' as double precision) end end else case when x5 < 110 then case when x5 < 109 then cast('1.7947090750031072' as double precision) else cast('1.804454167806624' as double precision) end else case when x5 < 111 then cast('1.8142521755003989' as double precision) else cast('1.8241033854070534' as double precision) end end end end else case when x5 < 120 then case when x5 < 116 then case when x5 < 114 then case when x5 < 113 then cast('1.8340080864093424' as double precision) else cast('1.843966568958626' as double precision) end else case when x5 < 115 then cast('1.8539791250833855' as double precision) else cast('1.864046048397789' as double precision) end end else case when x5 < 118 then case when x5 < 117 then cast(1.8741676341103 as double precision) else cast('1.8843441790323345' as double precision) end else case when x5 < 119 then cast('1.8945759815869656' as double precision) else cast('1.9048633418176741' as double precision) end end end else case when x5 < 124 then case when x5 < 122 then case when x5 < 121 then cast('1.9152065613971474' as double precision) else cast('1.925605943636125' as double precision) end else case when x5 < 123 then cast('1.9360617934922943' as double precision) else cast('1.9465744175792332' as double precision) end end else case when x5 < 126 then case when x5 < 125 then cast('1.9571441241754002' as double precision) else cast('1.9677712232331759' as double precision) end else case when x5 < 127 then cast('1.978456026387951' as double precision) else case when x5 < 128 then cast('1.9891988469672663' as double precision) else cast(2.0 as double precision) end end end end end end end end as x7
from (
select w.*,
  cast((x4 - x4 % 21600000000) / 21600000000 as bigint) as x5
from (
select w.*,
  x3 * 128 as x4,
  x2 - x11 * 64 as x12,
  x11 - (cast((x11 - x11 % 2) / 2 as bigint) - case when x11 % 2 < 0 then 1 else 0 end) * 2 as x13
from (
select w.*,
  h - x2 * 21600000000 as x3,
  (cast((x2 - x2 % 64) / 64 as bigint) - case when x2 % 64 < 0 then 1 else 0 end) as x11
from (
select w.*,
  x0 * 1000000 as x1,
  (cast((h - h % 21600000000) / 21600000000 as bigint) - case when h % 21600000000 < 0 then 1 else 0 end) as x2
from (
select collate(cast(t."line" as text), '') as k0,
  date_part(epoch_microsecond, t."arrived") as h,
  t."id" as o0,
  t."delay" as x0
from "shop"."trips" as t
where collate(cast(t."line" as text), '') is not null and date_part(epoch_microsecond, t."arrived") is not null and t."late"
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
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
s2 as (
select r,
  case when k0 is not null and q0 is not null then d16 end as "s2_0"
from (
select w.*,
  (d15) * cast('5.421010862427522e-20' as double precision) * d8 / cast(1000000.0 as double precision) as d16
from (
select w.*,
  case when abs(d14) < cast('9903520314283042199192993792' as number(38, 0)) then cast(d14 - (d14 % cast('1099511627776' as number(38, 0))) as double precision) + cast((d14 % cast('1099511627776' as number(38, 0))) as double precision) else cast(d14 - (d14 % cast('1208925819614629174706176' as number(38, 0))) as double precision) + (cast((d14 % cast('1208925819614629174706176' as number(38, 0))) - (d14 % cast('1099511627776' as number(38, 0))) as double precision) + case when (d14 % cast('1099511627776' as number(38, 0))) > 0 then cast(549755813888.0 as double precision) when (d14 % cast('1099511627776' as number(38, 0))) < 0 then -cast(549755813888.0 as double precision) else cast(0.0 as double precision) end) end as d15
from (
select w.*,
  d9 * d4 + cast(d13 as number(38, 0)) * d5 + case when d3 < 40 then cast(d12 as number(38, 0)) * d6 + cast(cast((d11 - d11 % d7) / d7 as bigint) as number(38, 0)) else cast(cast((d12 - d12 % d7) / d7 as bigint) as number(38, 0)) end as d14
from (
select w.*,
  cast((d10 % cast('1099511627776' as number(38, 0))) as bigint) as d11,
  cast(floor((cast((d10 % cast('1208925819614629174706176' as number(38, 0))) - (d10 % cast('1099511627776' as number(38, 0))) as double precision) * cast('9.094947017729282e-13' as double precision))) + case when (cast((d10 % cast('1208925819614629174706176' as number(38, 0))) - (d10 % cast('1099511627776' as number(38, 0))) as double precision) * cast('9.094947017729282e-13' as double precision)) - floor((cast((d10 % cast('1208925819614629174706176' as number(38, 0))) - (d10 % cast('1099511627776' as number(38, 0))) as double precision) * cast('9.094947017729282e-13' as double precision))) > 0.5 or ((cast((d10 % cast('1208925819614629174706176' as number(38, 0))) - (d10 % cast('1099511627776' as number(38, 0))) as double precision) * cast('9.094947017729282e-13' as double precision)) - floor((cast((d10 % cast('1208925819614629174706176' as number(38, 0))) - (d10 % cast('1099511627776' as number(38, 0))) as double precision) * cast('9.094947017729282e-13' as double precision))) = 0.5 and floor((cast((d10 % cast('1208925819614629174706176' as number(38, 0))) - (d10 % cast('1099511627776' as number(38, 0))) as double precision) * cast('9.094947017729282e-13' as double precision))) <> 2 * floor(floor((cast((d10 % cast('1208925819614629174706176' as number(38, 0))) - (d10 % cast('1099511627776' as number(38, 0))) as double precision) * cast('9.094947017729282e-13' as double precision))) / 2)) then 1 else 0 end as bigint) as d12,
  cast(floor((cast(d10 - (d10 % cast('1208925819614629174706176' as number(38, 0))) as double precision) * cast('8.271806125530277e-25' as double precision))) + case when (cast(d10 - (d10 % cast('1208925819614629174706176' as number(38, 0))) as double precision) * cast('8.271806125530277e-25' as double precision)) - floor((cast(d10 - (d10 % cast('1208925819614629174706176' as number(38, 0))) as double precision) * cast('8.271806125530277e-25' as double precision))) > 0.5 or ((cast(d10 - (d10 % cast('1208925819614629174706176' as number(38, 0))) as double precision) * cast('8.271806125530277e-25' as double precision)) - floor((cast(d10 - (d10 % cast('1208925819614629174706176' as number(38, 0))) as double precision) * cast('8.271806125530277e-25' as double precision))) = 0.5 and floor((cast(d10 - (d10 % cast('1208925819614629174706176' as number(38, 0))) as double precision) * cast('8.271806125530277e-25' as double precision))) <> 2 * floor(floor((cast(d10 - (d10 % cast('1208925819614629174706176' as number(38, 0))) as double precision) * cast('8.271806125530277e-25' as double precision))) / 2)) then 1 else 0 end as bigint) as d13
from (
select w.*,
  case when d2 = 0 then d0 else d1 end as d9,
  case when d2 = 0 then d1 else d0 end as d10
from (
select q.*,
  cast(coalesce(e0.v0, 0) - coalesce(e1.v0, 0) as number(38, 0)) as d0,
  cast(coalesce(e0.v1, 0) - coalesce(e1.v1, 0) as number(38, 0)) as d1,
  fading0.odd as d2,
  fading0.place as d3,
  fading0.up as d4,
  fading0.high as d5,
  fading0.middle as d6,
  fading0.low as d7,
  fading0.weight as d8
from asked as q
asof join s2_steps as e0 match_condition (q.q0 >= e0.h) on e0.k0 = q.k0
asof join s2_steps as e1 match_condition (q.q6 >= e1.h) on e1.k0 = q.k0
left join fading0 on fading0.r = q.r
) as w
) as w
) as w
) as w
) as w
) as w
),
s3_rows as (
select w.*,
  cast((x32 - x32 % 268435456) / 268435456 as bigint) as x34
from (
select w.*,
  bitxor(x28, x31) as x32,
  bitxor(x29, x30) as x33
from (
select w.*,
  cast((x29 - x29 % 2147483648) / 2147483648 as bigint) + x28 % 2147483648 * 2 as x30,
  cast((x28 - x28 % 2147483648) / 2147483648 as bigint) as x31
from (
select w.*,
  x27 % 4294967296 as x28
from (
select w.*,
  cast((x22 - x22 % 4294967296) / 4294967296 as bigint) + cast((x21 - x21 % 65536) / 65536 as bigint) + x24 + x26 as x27,
  x22 % 4294967296 as x29
from (
select w.*,
  (x21 % 65536) * 65536 + (x20 % 65536) * 321982955 as x22,
  (x23 % 65536) * 65536 + (x19 % 65536) * 321982955 as x24,
  (x25 % 65536) * 65536 + (x20 % 65536) * 2496678331 as x26
from (
select w.*,
  (cast((x20 - x20 % 65536) / 65536 as bigint)) * 321982955 as x21,
  (cast((x19 - x19 % 65536) / 65536 as bigint)) * 321982955 as x23,
  (cast((x20 - x20 % 65536) / 65536 as bigint)) * 2496678331 as x25
from (
select w.*,
  bitxor(x15, x18) as x19,
  bitxor(x16, x17) as x20
from (
select w.*,
  cast((x16 - x16 % 134217728) / 134217728 as bigint) + x15 % 134217728 * 32 as x17,
  cast((x15 - x15 % 134217728) / 134217728 as bigint) as x18
from (
select w.*,
  x14 % 4294967296 as x15
from (
select w.*,
  cast((x9 - x9 % 4294967296) / 4294967296 as bigint) + cast((x8 - x8 % 65536) / 65536 as bigint) + x11 + x13 as x14,
  x9 % 4294967296 as x16
from (
select w.*,
  (x8 % 65536) * 65536 + (x7 % 65536) * 484763065 as x9,
  (x10 % 65536) * 65536 + (x6 % 65536) * 484763065 as x11,
  (x12 % 65536) * 65536 + (x7 % 65536) * 3210233709 as x13
from (
select w.*,
  (cast((x7 - x7 % 65536) / 65536 as bigint)) * 484763065 as x8,
  (cast((x6 - x6 % 65536) / 65536 as bigint)) * 484763065 as x10,
  (cast((x7 - x7 % 65536) / 65536 as bigint)) * 3210233709 as x12
from (
select w.*,
  bitxor(x3, x5) as x6,
  bitxor(x2, x4) as x7
from (
select w.*,
  cast((x2 - x2 % 1073741824) / 1073741824 as bigint) + x3 % 1073741824 * 4 as x4,
  cast((x3 - x3 % 1073741824) / 1073741824 as bigint) as x5
from (
select w.*,
  x0 - x1 * 4294967296 as x2,
  x1 + case when x1 < 0 then 4294967296 else 0 end as x3
from (
select w.*,
  (cast((x0 - x0 % 4294967296) / 4294967296 as bigint) - case when x0 % 4294967296 < 0 then 1 else 0 end) as x1
from (
select collate(cast(t."line" as text), '') as k0,
  date_part(epoch_microsecond, t."published") as h,
  t."id" as o0,
  cast(t."seats" as bigint) as x0
from "shop"."trips" as t
where collate(cast(t."line" as text), '') is not null and date_part(epoch_microsecond, t."published") is not null
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
) as w
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
  case when d0 is not null then case when d0 < 8 then case when d0 < 4 then case when d0 < 2 then case when d0 < 1 then cast(0.0 as double precision) else cast('1.0326163382011389' as double precision) end else case when d0 < 3 then cast('2.136502281992362' as double precision) else cast('3.322229836451912' as double precision) end end else case when d0 < 6 then case when d0 < 5 then cast('4.602913159228494' as double precision) else cast('5.995095191062571' as double precision) end else case when d0 < 7 then cast('7.520058067931769' as double precision) else cast('9.205826318456989' as double precision) end end end else case when d0 < 12 then case when d0 < 10 then case when d0 < 9 then cast('11.090354888959125' as double precision) else cast('13.226857170951487' as double precision) end else case when d0 < 11 then cast('15.693268048187619' as double precision) else cast('18.610412956890894' as double precision) end end else case when d0 < 14 then case when d0 < 13 then cast('22.18070977791825' as double precision) else cast('26.783622937146745' as double precision) end else case when d0 < 15 then cast('33.27106466687737' as double precision) else case when d0 < 16 then cast(44.3614195558365 as double precision) else cast('55.451774444795625' as double precision) end end end end end end as "s3_0"
from (
select q.*,
  s3_x34.d0 as d0
from asked as q
left join s3_x34 on s3_x34.r = q.r
) as w
)
select
  t.i0 as "id",
  to_timestamp_tz(t.q0, 6) as "_at",
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
  collate(cast(t."s0_10" as text), '') as "kept_note",
  ((cast((t."c0" - t."c0" % 4) / 4 as bigint) - case when t."c0" % 4 < 0 then 1 else 0 end) % 3 + case when (cast((t."c0" - t."c0" % 4) / 4 as bigint) - case when t."c0" % 4 < 0 then 1 else 0 end) % 3 < 0 then 3 else 0 end) as "own_seats",
  (t."c1" - t."c2") as "own_wait",
  (collate(cast(t."c3" as text), '') is not distinct from 'it\'s \\ 7\n') as "own_same",
  ((t."c0" in (1, 2)) or (collate(cast(t."c3" as text), '') is null)) as "own_some",
  nullif(t."s0_11", cast('NaN' as double precision)) as "reach_least",
  t."s0_12" as "reach_greatest",
  case when t.l0 > t.q0 then t.l1 end as "_label",
  to_timestamp_tz(t.l0, 6) as "_label_known_at"
from (
select q.*, s0."s0_0", s0."s0_1", s0."s0_2", s0."s0_3", s0."s0_4", s0."s0_5", s0."s0_6", s0."s0_7", s0."s0_8", s0."s0_9", s0."s0_10", s0."s0_11", s0."s0_12", s1."s1_0", s2."s2_0", s3."s3_0"
from asked as q
left join s0 on s0.r = q.r
left join s1 on s1.r = q.r
left join s2 on s2.r = q.r
left join s3 on s3.r = q.r
) as t
order by t.r;
