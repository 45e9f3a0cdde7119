#ifndef WAYBILL_COMMON_JOBDB_DATABASE_H_
#define WAYBILL_COMMON_JOBDB_DATABASE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/jobdb/connection_string.h"
#include "common/jobdb/statement.h"
#include "common/thread/mutex.h"

namespace pqxx {
class transaction_base;
}

namespace waybill::jobdb {

class Session;

/// The job database, for stores: a bounded pool of sessions and one way to use them. Stores use it
/// through the functions of database_query.h. Thread-safe; calls block, so they belong on an
/// executor.
class Database {
 public:
  struct Options {
    std::string uri;  // libpq connection string or URI.

    /// Connections are made when they are needed and then kept.
    int sessions_max = 8;

    std::string application_name = "waybill";  // Seen in pg_stat_activity: the service's name.

    /// How long a call may wait for a session while all are in use.
    absl::Duration session_wait_max = absl::Seconds(5);

    /// What the server ends by itself: a statement, a wait for a lock, a transaction whose client
    /// does nothing (it would block vacuum and others).
    absl::Duration statement_timeout = absl::Seconds(30);
    absl::Duration lock_timeout = absl::Seconds(10);
    absl::Duration idle_in_transaction_timeout = absl::Seconds(30);
  };

  /// How often RunRetrying runs its body.
  static constexpr int kAttemptsMax = 5;

  /// Connects once and prepares all `statements`, so a statement that does not fit the schema fails
  /// here and not at its first use. `statements` must outlive the database. Returns UNAVAILABLE,
  /// with a text that names the database (never its password), if the server cannot be reached.
  static absl::StatusOr<std::unique_ptr<Database>> Open(Options options,
                                                        absl::Span<const Statement> statements);

  ~Database();

  /// Runs `body` in a transaction (read committed) named after `statement`, and commits if it
  /// returns OK; anything else rolls back. `body` runs at most once and must not call other
  /// services or touch files. A session that was lost while it was idle is replaced before `body`
  /// runs.
  ///
  /// Adds to what `body` returns: the table in pg_errors.h, and RESOURCE_EXHAUSTED when no session
  /// came free in time. UNKNOWN means that the connection broke during COMMIT and the outcome is in
  /// doubt: the caller repeats the operation with the same `request_id` or fence and sees what
  /// happened.
  absl::Status Run(const Statement& statement,
                   absl::FunctionRef<absl::Status(pqxx::transaction_base&)> body);

  /// As Run, but runs `body` again, up to kAttemptsMax times, while the outcome is ABORTED (a
  /// deadlock or a serialization failure; nothing happened). `body` must therefore start anew each
  /// time: clear what it collects. Without a pause: the loser of a deadlock waits for the winner's
  /// locks anyway.
  absl::Status RunRetrying(const Statement& statement,
                           absl::FunctionRef<absl::Status(pqxx::transaction_base&)> body);

 private:
  Database(Options options, ConnectionString target, absl::Span<const Statement> statements);

  absl::StatusOr<std::unique_ptr<Session>> Take();
  absl::Status AwaitTurn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::unique_ptr<Session>> Connect() const;
  absl::Status Begin(const Statement& statement, std::unique_ptr<Session>& session,
                     std::unique_ptr<pqxx::transaction_base>& work);
  void GiveBack(std::unique_ptr<Session> session);

  const Options options_;
  const ConnectionString target_;
  const absl::Span<const Statement> statements_;
  Mutex mutex_;
  CondVar given_back_;
  std::vector<std::unique_ptr<Session>> idle_ ABSL_GUARDED_BY(mutex_);
  int taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_DATABASE_H_
