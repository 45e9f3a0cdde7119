// The PCM-Manager's process: settings -> objects -> serve -> drain.

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/config/parser.h"
#include "common/config/ports_file.h"
#include "common/jobdb/database.h"
#include "common/jobdb/listener.h"
#include "common/jobdb/migrate.h"
#include "common/jobdb/notifier.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/access.h"
#include "common/model/channels.h"
#include "common/rpc/identity.h"
#include "common/rpc/listener.h"
#include "common/rpc/tls.h"
#include "common/status/status_macros.h"
#include "common/thread/executor.h"
#include "services/pcm_manager/acknowledge_loop.h"
#include "services/pcm_manager/config.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/pcm_service.h"
#include "services/pcm_manager/pcm_store.h"
#include "services/pcm_manager/replicate_loop.h"

#include "pcm_manager_sql.h"

namespace waybill::pcm_manager {
namespace {

constexpr char kProgram[] = "waybill-pcm-manager";
constexpr int kCallThreads = 8;
constexpr int kCallsMax = 4000;  // Running and waiting; polls are short.
constexpr int kLoopSessions = 4;
constexpr absl::Duration kAcknowledgeInterval = absl::Milliseconds(250);

using Notify = std::function<void(absl::string_view channel)>;

// Before any thread starts, so that all inherit it and only the main thread sees the signals.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Returns whether a stop signal came within `limit`.
bool WaitForStop(const sigset_t& signals, absl::Duration limit) {
  const timespec wait = absl::ToTimespec(limit);
  return sigtimedwait(&signals, nullptr, &wait) > 0;
}

double DrawRandom() {
  thread_local absl::BitGen bits;
  return absl::Uniform(bits, 0.0, 1.0);
}

// A certificate of another site or service would be refused by all workstations, one by one.
absl::Status CheckIdentity(const rpc::Identity& identity, const std::string& site_code) {
  const std::string expected = rpc::ServiceUri(site_code, model::kPcmManagerName);
  if (rpc::ToUri(identity) == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("tls-certificate-file: the certificate is of ",
                                                    rpc::ToUri(identity), ", expected ", expected));
}

// Two sites on one job database would answer for each other.
absl::Status CheckSiteCode(const absl::StatusOr<std::string>& known, const std::string& site_code) {
  if (!known.ok() || *known == site_code) return absl::OkStatus();  // Not named yet: waits.
  return absl::FailedPreconditionError(
      absl::StrCat("site-code: the job database is of site ", *known, ", not of ", site_code));
}

absl::StatusOr<std::unique_ptr<jobdb::Database>> OpenDatabase(const Config& config,
                                                              const sigset_t& stop_signals) {
  WAYBILL_RETURN_IF_ERROR(jobdb::WaitForSchema(
      config.job_database_uri,
      {.pause = [&](absl::Duration limit) { return !WaitForStop(stop_signals, limit); },
       .report = [](absl::string_view line) { log::Warning(line); }}));
  return jobdb::Database::Open({.uri = config.job_database_uri,
                                .sessions_max = kCallThreads + kLoopSessions,
                                .application_name = kProgram},
                               sql::kAll);
}

/// Stores, files in memory, loops and the service.
struct Parts {
  Parts(const Config& config, jobdb::Database& database, const Notify& notify)
      : store(database, config.service.site_code),
        acknowledge(store, notify, kAcknowledgeInterval),
        replicate(
            config.site_directory, masters,
            {.masters = masters,
             .served = served,
             .store = store,
             .clock = clock,
             .notify = notify,
             .random = DrawRandom},
            {.poll_interval = config.poll_interval, .copy = {.interval = config.poll_interval}}),
        calls(kCallThreads, kCallsMax),
        service({.site_code = config.service.site_code,
                 .pcm_poll_interval = config.pcm_poll_interval,
                 .served = served,
                 .store = store,
                 .calls = calls,
                 .acknowledge =
                     [this](const std::string& sms_id, std::int64_t offer_version) {
                       return acknowledge.Add(sms_id, offer_version);
                     },
                 .notify = notify,
                 .server_now = [this] { return clock.Now() + replicate.clock_offset(); }}) {}

  const clock::RealClock clock;
  PcmStore store;
  MasterFiles masters;
  ServedFiles served;
  AcknowledgeLoop acknowledge;
  ReplicateLoop replicate;
  Executor calls;
  PcmService service;
};

absl::Status Serve(const Config& config) {
  const sigset_t stop_signals = BlockStopSignals();
  WAYBILL_ASSIGN_OR_RETURN(const auto tls, rpc::TlsIdentity::Load(config.service.tls));
  WAYBILL_RETURN_IF_ERROR(CheckIdentity(tls->identity(), config.service.site_code));
  const std::string& uri = config.job_database_uri;
  WAYBILL_ASSIGN_OR_RETURN(const auto database, OpenDatabase(config, stop_signals));
  WAYBILL_ASSIGN_OR_RETURN(const auto notifier,
                           jobdb::Notifier::Start({.uri = uri, .application_name = kProgram}));
  Parts parts(config, *database,
              [&notifier](absl::string_view channel) { notifier->Notify(channel); });
  WAYBILL_RETURN_IF_ERROR(CheckSiteCode(parts.store.GetSiteCode(), config.service.site_code));
  WAYBILL_ASSIGN_OR_RETURN(const auto metrics,
                           metrics::Exposer::Start(config.service.metrics_address));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto listener,
      rpc::Listener::Start({.audience = "workstations",
                            .address = config.workstations_address,
                            .rules = model::AccessRulesOf("waybill.pcm.v1.PcmService"),
                            .message_bytes_max = 1 << 20},
                           *tls, {&parts.service}));
  parts.acknowledge.Start();
  parts.replicate.Start();
  WAYBILL_ASSIGN_OR_RETURN(
      const auto wakes, jobdb::Listener::Start(
                            {.uri = uri, .application_name = kProgram}, {model::kReplicateChannel},
                            [&parts](absl::string_view /*channel*/) { parts.replicate.Wake(); },
                            [](const absl::Status& status) {
                              log::Info("connection for wakes", {{"status", status}});
                            }));
  log::Info("listening",
            {{"workstations_port", listener->port()}, {"metrics_port", metrics->port()}});
  WAYBILL_RETURN_IF_ERROR(config::WritePortsFile(
      config.ports_file, {{"workstations", listener->port()}, {"metrics", metrics->port()}}));

  while (!WaitForStop(stop_signals, absl::Hours(1))) {
  }
  log::Info("draining");
  listener->SetServing(false);
  listener->Shutdown(config.service.drain_max);
  parts.replicate.Stop();
  parts.acknowledge.Stop();
  return absl::OkStatus();
}

}  // namespace
}  // namespace waybill::pcm_manager

int main(int argc, char** argv) {
  waybill::pcm_manager::Config config;
  waybill::config::Parser parser("waybill-pcm-manager",
                                 "Offers jobs to the workstations of a site.");
  waybill::pcm_manager::DeclareConfig(parser, config);
  if (const std::optional<int> code = parser.ParseCommandLine(argc, argv)) {
    return *code;
  }
  waybill::log::Init("pcm-manager", config.service.site_code, config.service.log_level);
  const absl::Status status = waybill::pcm_manager::Serve(config);
  if (status.ok() || absl::IsCancelled(status)) {  // Told to stop while it waited at start.
    return 0;
  }
  waybill::log::Error("ended", {{"error", status}});
  return 1;
}
