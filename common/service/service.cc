#include "common/service/service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/jobdb/database.h"
#include "common/jobdb/listener.h"
#include "common/jobdb/migrate.h"
#include "common/jobdb/notifier.h"
#include "common/logging/log.h"
#include "common/rpc/identity.h"
#include "common/status/status_macros.h"
#include "common/thread/stop_signals.h"

namespace waybill::service {

absl::StatusOr<std::unique_ptr<jobdb::Database>> OpenJobDatabase(
    const jobdb::Database::Options& options, absl::Span<const jobdb::Statement> statements,
    absl::Duration wait_max, const StopSignals& stop_signals) {
  WAYBILL_RETURN_IF_ERROR(jobdb::WaitForSchema(
      options.uri, {.limit = wait_max,
                    .pause = [&](absl::Duration limit) { return !stop_signals.WaitFor(limit); },
                    .report = [](absl::string_view line) { log::Warning(line); }}));
  return jobdb::Database::Open(options, statements);
}

absl::Status CheckIdentity(const rpc::Identity& identity, absl::string_view site_code,
                           absl::string_view service_name) {
  const std::string expected = rpc::ServiceUri(site_code, service_name);
  if (rpc::ToUri(identity) == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("tls-certificate-file: the certificate is of ",
                                                    rpc::ToUri(identity), ", expected ", expected));
}

absl::Status CheckSiteCode(const absl::StatusOr<std::string>& known, absl::string_view site_code) {
  if (!known.ok() || *known == site_code) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("site-code: the job database is of site ", *known, ", not of ", site_code));
}

absl::StatusOr<std::unique_ptr<jobdb::Notifier>> StartNotifier(
    const jobdb::Database::Options& database) {
  return jobdb::Notifier::Start(
      {.uri = database.uri, .application_name = database.application_name});
}

absl::StatusOr<std::unique_ptr<jobdb::Listener>> StartWakes(
    const jobdb::Database::Options& database, std::vector<std::string> channels,
    jobdb::Listener::Wake wake) {
  return jobdb::Listener::Start(
      {.uri = database.uri, .application_name = database.application_name}, std::move(channels),
      std::move(wake), [](const absl::Status& status) {
        log::Info("connection for wakes", {{"status", status}});
      });
}

int ExitCode(const absl::Status& ended) {
  if (ended.ok() || absl::IsCancelled(ended)) return 0;
  log::Error("ended", {{"error", ended}});
  return 1;
}

}  // namespace waybill::service
