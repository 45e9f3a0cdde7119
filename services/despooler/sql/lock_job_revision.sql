-- $1 job_id, $2 revision. Two commits of one job, and a cancel of it, take turns here.
SELECT j.revision,
       EXISTS (SELECT FROM waybill.instruction i WHERE i.job_id = j.job_id AND i.revision = $2) AS committed
  FROM waybill.job j
 WHERE j.job_id = $1
   FOR UPDATE OF j
