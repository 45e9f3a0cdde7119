#ifndef WAYBILL_COMMON_JOBDB_STATEMENT_LOG_H_
#define WAYBILL_COMMON_JOBDB_STATEMENT_LOG_H_

#include "common/jobdb/statement.h"

namespace waybill::jobdb {

/// Keeps the rule that every statement is executed by a test: appends the path of `statement` to
/// the file that the environment variable WAYBILL_STATEMENT_LOG names, once per process. Does
/// nothing (and costs one comparison) when the variable is not set, as in production, or when the
/// statement has no path. The test `every_statement_is_executed` reads the file. Thread-safe.
void RecordExecuted(const Statement& statement);

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_STATEMENT_LOG_H_
