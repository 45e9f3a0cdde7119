#ifndef WAYBILL_COMMON_SERVICE_SERVICE_H_
#define WAYBILL_COMMON_SERVICE_SERVICE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/jobdb/database.h"
#include "common/jobdb/listener.h"
#include "common/jobdb/notifier.h"
#include "common/rpc/identity.h"
#include "common/thread/stop_signals.h"

namespace waybill::service {

/// What every service of a site does between its settings and its first call, and at its end.
/// For main.cc only.

/// Waits until the job database is there with the schema of this program, and opens it. Errors as
/// of jobdb::WaitForSchema; what it waits for is logged.
absl::StatusOr<std::unique_ptr<jobdb::Database>> OpenJobDatabase(
    const jobdb::Database::Options& options, absl::Span<const jobdb::Statement> statements,
    absl::Duration wait_max, const StopSignals& stop_signals);

/// FAILED_PRECONDITION unless the certificate is of this service of this site: another would be
/// refused by all who are called, one by one and much later.
absl::Status CheckIdentity(const rpc::Identity& identity, absl::string_view site_code,
                           absl::string_view service_name);

/// FAILED_PRECONDITION if the job database is of another site: two sites on one would answer for
/// each other. A database that no Scheduler has named yet (an error) passes.
absl::Status CheckSiteCode(const absl::StatusOr<std::string>& known, absl::string_view site_code);

/// Sends the wakes of this process. Errors as of jobdb::Notifier::Start.
absl::StatusOr<std::unique_ptr<jobdb::Notifier>> StartNotifier(
    const jobdb::Database::Options& database);

/// A jobdb::Listener that logs when its connection comes and goes.
absl::StatusOr<std::unique_ptr<jobdb::Listener>> StartWakes(
    const jobdb::Database::Options& database, std::vector<std::string> channels,
    jobdb::Listener::Wake wake);

/// The exit code of a process that ended like this, logged if it is an error. CANCELLED is none:
/// the service was told to stop while it waited at start.
int ExitCode(const absl::Status& ended);

}  // namespace waybill::service

#endif  // WAYBILL_COMMON_SERVICE_SERVICE_H_
