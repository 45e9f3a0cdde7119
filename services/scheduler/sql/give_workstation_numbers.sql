-- $1 site_code, $2 how many to try
-- Numbers that administrators gave out themselves are passed over, so fewer may come back.
SELECT n.number
  FROM (SELECT nextval('waybill.workstation_number') AS number FROM generate_series(1, $2::bigint)) AS n
 WHERE NOT EXISTS (SELECT FROM waybill.workstation w
                    WHERE w.sms_id = $1 || CASE WHEN n.number < 100000 THEN lpad(n.number::text, 5, '0')
                                                ELSE n.number::text END)
 ORDER BY n.number
