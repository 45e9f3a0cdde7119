#ifndef WAYBILL_COMMON_JOBDB_STATEMENT_H_
#define WAYBILL_COMMON_JOBDB_STATEMENT_H_

namespace waybill::jobdb {

/// One SQL statement and the name it is prepared and reported under. All strings live for ever.
struct Statement {
  const char* name;
  const char* sql;

  /// Where the statement stands in the source tree; empty if it is not a file of its own. Only the
  /// record of executed statements uses it, see statement_log.h.
  const char* path = "";
};

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_STATEMENT_H_
