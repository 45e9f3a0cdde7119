#ifndef WAYBILL_COMMON_JOBDB_MIGRATE_H_
#define WAYBILL_COMMON_JOBDB_MIGRATE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/jobdb/statement.h"

namespace waybill::jobdb {

/// The migrations that this program carries, oldest first; the last one names its schema version.
absl::Span<const Statement> Migrations();

/// Brings the job database at `uri` to the newest schema: applies those of `migrations` that it
/// lacks, in order and in one transaction, so a failed upgrade leaves the database as it was.
/// Migrations go forward only.
///
/// Safe to call from several processes at once: an advisory lock lets one work and the others find
/// nothing left to do. Returns FAILED_PRECONDITION, and changes nothing, if the database has a
/// migration that `migrations` lacks (it belongs to a newer program) or one whose text differs.
/// Other errors as in pg_errors.h.
absl::Status Migrate(const std::string& uri, absl::Span<const Statement> migrations = Migrations());

/// How a service waits for its schema.
struct SchemaWait {
  /// Gives up after this long.
  absl::Duration limit = absl::Minutes(5);

  /// Waits that long, or less if the service is told to stop; then it returns false.
  std::function<bool(absl::Duration)> pause;

  /// Gets a line for the log whenever what is waited for changes.
  std::function<void(absl::string_view)> report;
};

/// Returns once the schema of the database at `uri` is the one that this program knows; services
/// call it before they open their Database. It looks about twice a second and changes nothing.
///
/// Returns FAILED_PRECONDITION at once if the schema is newer or different (see Migrate), CANCELLED
/// if told to stop, and after `wait.limit` the reason it still waits: UNAVAILABLE if the server
/// cannot be reached (the text names it), FAILED_PRECONDITION if the schema is missing or older
/// (the text names the command that helps). The first look always happens.
absl::Status WaitForSchema(const std::string& uri, const SchemaWait& wait);

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_MIGRATE_H_
