-- $1 site_code of the child, $2 sequence that is applied
UPDATE waybill.inbox SET sequence = $2, last_report_time = now() WHERE site_code = $1
