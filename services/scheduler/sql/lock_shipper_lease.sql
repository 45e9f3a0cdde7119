-- $1 fence
-- Locked until the commit: nobody takes the lease over in the middle of a step. No row: somebody has.
SELECT fence FROM waybill.lease WHERE lease_name = 'status-shipper' AND fence = $1 FOR SHARE
