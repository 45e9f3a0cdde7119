-- no parameters. How long until a request with an address becomes due; NULL: none waits.
SELECT ceil(extract(epoch FROM min(greatest(r.next_time, r.lease_end_time)) - now()) * 1000)::bigint AS wait_milliseconds
  FROM waybill.send_request r
  JOIN waybill.address a USING (site_code)
 WHERE r.state IN (2, 3, 4, 5) AND greatest(r.next_time, r.lease_end_time) > now()
