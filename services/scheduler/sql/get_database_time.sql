-- no parameters
SELECT now()
