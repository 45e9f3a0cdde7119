#ifndef WAYBILL_COMMON_JOBDB_PG_ERRORS_H_
#define WAYBILL_COMMON_JOBDB_PG_ERRORS_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/jobdb/connection_string.h"

namespace waybill::jobdb {

// clang-format off
/// Runs `body` and turns whatever libpqxx throws into a status whose text is one line that starts
/// with `what`. The only place that catches pqxx exceptions and knows SQLSTATEs.
///
/// | PostgreSQL said                     | result              | the caller                          |
/// |-------------------------------------|---------------------|-------------------------------------|
/// | serialization failure, deadlock     | ABORTED             | repeats the same work               |
/// | no connection, shutdown, timeout    | UNAVAILABLE         | backs off; nothing happened         |
/// | connection lost during COMMIT       | UNKNOWN             | repeats with the same `request_id`  |
/// | disk full, out of memory            | RESOURCE_EXHAUSTED  | backs off longer                    |
/// | unique or exclusion violation       | ALREADY_EXISTS      | decides                             |
/// | foreign key or check violation      | FAILED_PRECONDITION | re-reads                            |
/// | text with NUL or not in UTF-8       | INVALID_ARGUMENT    | fixes its input                     |
/// | anything else                       | INTERNAL            | our bug                             |
// clang-format on
absl::Status CatchPgErrors(absl::string_view what, absl::FunctionRef<absl::Status()> body);

/// The same for a `body` that connects to `target`: the text names the database, and asks the
/// question that helps most when nothing answers there.
absl::Status CatchConnectErrors(const ConnectionString& target,
                                absl::FunctionRef<absl::Status()> body);

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_PG_ERRORS_H_
